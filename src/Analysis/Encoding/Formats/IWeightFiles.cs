namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>The files of one dictionary, by name below its folder. The outside opens them; reading them is done here.</summary>
public interface IWeightFiles
{
    /// <summary>As the operator wrote it, for messages.</summary>
    string Path { get; }
    bool Has(string name);

    /// <summary>A seekable stream.</summary>
    Stream Open(string name);
}

/// <summary>What some formats keep in no file and the catalog (or the command line) has to say.</summary>
/// <param name="InputScale">expected_average_only_in: s = √d / E‖x‖ of the training activations.</param>
/// <param name="K">TopK formats whose k stands only in the release's name.</param>
public sealed record DictionaryHints(float? InputScale = null, int? K = null);

/// <summary>One way of writing a dictionary to disk. A new format is one file and one line in <see cref="DictionaryReader"/>.</summary>
internal interface IDictionaryFormat
{
    string Name { get; }

    /// <summary>Which files make a folder this format, for the message when none fits.</summary>
    string Files { get; }
    bool Fits(IWeightFiles files);

    /// <exception cref="MalformedException">What was found and what to use instead.</exception>
    SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints);
}
