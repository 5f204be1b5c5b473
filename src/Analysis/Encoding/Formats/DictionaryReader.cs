using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Analysis.Encoding.Formats;

/// <summary>Opens a dictionary of any format that is known here; refuses what it would compute wrongly.</summary>
public static class DictionaryReader
{
    // Bytes of a span are counted in 32 bits, and a dictionary may have 4 GB of weights.
    private const int HashedTogether = 1 << 26;

    // Every format of the field has one line here.
    private static readonly IDictionaryFormat[] formats =
    [
        new SaeLensFormat(),
        new LlamaScopeFormat(),
        new LlamaScopeR1Format(),
        new LlamascopiumFormat(),
        new SparsifyFormat(),
        new DictionaryLearningFormat(),
        new JkminderFormat(),
        new GemmaScopeFormat(),
        new GemmaScope2Format(),
        new GoodfireFormat(),
        new DeepSeekR1Format(),
        new QwenScopeFormat(),
        new ConnorRobFormat(),
        new MwhannaFormat(),
        new MntssFormat(),
    ];

    /// <exception cref="MalformedException">What was found and what to use instead; reason <c>dictionary</c>.</exception>
    public static SparseAutoencoder Read(IWeightFiles files, DictionaryHints hints)
    {
        try
        {
            var fitting = formats.Where(format => format.Fits(files)).ToArray();
            if (fitting.Length != 1)
                throw Refused(fitting.Length == 0
                    ? $"{files.Path} is no dictionary that DriftWatch reads. It reads {string.Join("; ", formats.Select(format => $"{format.Name} ({format.Files})"))}."
                    : $"{files.Path} could be {string.Join(" or ", fitting.Select(format => format.Name))}. Keep the files of one format in a folder.");
            var sae = fitting[0].Read(files, hints);
            return Checked(sae with { Format = fitting[0].Name, Hashing = Task.Run(() => HashOf(sae)) }, files);
        }
        catch (MalformedException error) when (error.Reason != "dictionary")
        {
            throw Refused($"{files.Path}: {error.Message}.");
        }
    }

    internal static MalformedException Refused(string message) => new("dictionary", message);

    private static SparseAutoencoder Checked(SparseAutoencoder sae, IWeightFiles files)
    {
        foreach (var (name, values) in new (string, float[])[]
                 {
                     ("the encoder", sae.EncoderDF), ("the decoder", sae.DecoderFD), ("the encoder bias", sae.EncoderBiasF), ("the decoder bias", sae.DecoderBiasD),
                     ("the threshold", sae.ThresholdF), ("r_mag", sae.MagnitudeScaleF), ("b_mag", sae.MagnitudeBiasF),
                     ("the gate of the encoder", sae.GluEncoderDF), ("the bias of the encoder's gate", sae.GluBiasF), ("the skip path", sae.SkipDO),
                 })
            // Where one is not is asked only of those: a look at each number takes longer than to read the file.
            if (!IsFinite(values) && Array.FindIndex(values, value => !float.IsFinite(value)) is >= 0 and var at)
                throw Refused($"{files.Path}: {name} holds {values[at]} at index {at}; a trained dictionary is finite. The file may be damaged.");
        return sae;
    }

    private static bool IsFinite(float[] values)
    {
        var finite = true;
        Parts.OfNumbers(values.Length, (first, length) =>
        {
            if (!TensorPrimitives.IsFiniteAll<float>(values.AsSpan(first, length))) Volatile.Write(ref finite, false);
        });
        return finite;
    }

    /// <summary>SHA-256 over everything that decides the numbers; metadata that changes none of them does not count.</summary>
    private static string HashOf(SparseAutoencoder sae)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(System.Text.Encoding.UTF8.GetBytes(
            $"{sae.Kind}|{sae.Width}|{sae.Features}|{sae.K}|{sae.RescaleByDecoderNorm}|{sae.SubtractDecoderBias}|{sae.Normalization}|{BitConverter.SingleToInt32Bits(sae.InputScale)}|{Rest(sae)}"));
        foreach (var values in new[] { sae.EncoderDF, sae.DecoderFD, sae.EncoderBiasF, sae.DecoderBiasD, sae.ThresholdF, sae.MagnitudeScaleF, sae.MagnitudeBiasF, sae.GluEncoderDF, sae.GluBiasF, sae.SkipDO })
            for (var first = 0; first < values.Length; first += HashedTogether) hash.AppendData(MemoryMarshal.AsBytes<float>(values.AsSpan(first, Math.Min(HashedTogether, values.Length - first))));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>What only some dictionaries have, named where it is not as usual: stored hashes of the others stay.</summary>
    private static string Rest(SparseAutoencoder sae) => string.Concat(
        sae.Heads == 1 ? "" : $"heads {sae.Heads}|",
        sae.SelectByDecoderNorm ? "selected by norm|" : "",
        sae.Transcodes ? $"transcodes {sae.OutputWidth} {BitConverter.SingleToInt32Bits(sae.OutputScale)}|" : "",
        sae.Kind == AutoencoderKind.MatchingPursuit ? $"pursuit {BitConverter.SingleToInt32Bits(sae.ResidualThreshold)} {sae.IterationsMaximum} {sae.StopOnDuplicateSupport}|" : "");
}
