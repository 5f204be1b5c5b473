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
public sealed record DictionaryHints(float? InputScale = null, int? K = null)
{
    /// <summary>The factor that no file holds.</summary>
    /// <param name="what">What it is for, as in 'norm_activation is dataset-wise and its factor'.</param>
    /// <param name="orElse">Another way out, after a full stop's place; may be empty.</param>
    internal float Scale(Settings settings, string what, string orElse = "")
    {
        if (InputScale is not { } scale)
            throw settings.Refused($"{what} (√d over the mean norm of the training activations) is in no file. Say it: inputScale in the catalog, --input-scale on the command line{orElse}");
        return scale > 0 && float.IsFinite(scale) ? scale : throw settings.Refused($"the input scale is {scale}; it is a positive number, √d over the mean norm of the training activations");
    }

    /// <summary>The files say the factor: one that is given must be the same.</summary>
    internal void RefuseOtherScale(Settings settings, float inFile)
    {
        if (InputScale is { } scale && !(Math.Abs(scale / inFile - 1) < 1e-3)) throw settings.Refused($"the input scale is given as {scale} but the files say {inFile}. Leave it out");
    }

    internal void RefuseK(Settings settings, int inFile)
    {
        if (K is { } k && k != inFile) throw settings.Refused($"k is given as {k} but the files say {(inFile == 0 ? "no k: it is no TopK dictionary" : $"{inFile}")}. Leave k out");
    }
}

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
