namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>The files of one dictionary, by name below its folder. The outside opens them; reading them is done here.</summary>
public interface IWeightFiles
{
    /// <summary>As the operator wrote it, for messages.</summary>
    string Path { get; }

    /// <summary>The same in full, for what a release says only in its folders' names.</summary>
    string Location => Path;

    /// <summary>The files directly in the folder; if the operator named one file, that one alone.</summary>
    IReadOnlyList<string> Names { get; }

    /// <summary>Is there such a file below the folder, named by the operator or not?</summary>
    bool Has(string name);

    /// <summary>A seekable stream.</summary>
    Stream Open(string name);
}

internal static class WeightFileNames
{
    /// <summary>Are all of these there, and, if the operator named one file, is it one of them?</summary>
    public static bool Offers(this IWeightFiles files, params string[] names) => names.All(files.Has) && names.Any(files.Names.Contains);

    /// <summary>The only file with such a name, or the one that the operator named; null: there is none, or several.</summary>
    public static string? Only(this IWeightFiles files, Func<string, bool> fits) => files.Names.Where(fits).Take(2).ToArray() is [var name] ? name : null;

    /// <summary>The only file that <c>torch.save</c> may have written, or the one that the operator named.</summary>
    public static string? OnlyTorchFile(this IWeightFiles files) =>
        files.Only(name => name.EndsWith(".pt", StringComparison.Ordinal) || name.EndsWith(".pth", StringComparison.Ordinal));
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

    /// <summary>A format that has all it needs in its files, or all but k.</summary>
    internal void RefuseOthers(IWeightFiles files, int? k = null)
    {
        if (InputScale is not null) throw Settings.Refused(files, "an input scale is given and this format has none: nothing would use it. Leave it out");
        if (K is { } given && given != k) throw Settings.Refused(files, $"k is given as {given} but the dictionary {(k is null ? "is no TopK dictionary" : $"says {k}")}. Leave k out");
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
