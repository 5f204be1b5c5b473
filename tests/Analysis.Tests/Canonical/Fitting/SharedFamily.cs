using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Analysis.Tests.Golden;
using DriftWatch.Support;

namespace DriftWatch.Analysis.Tests.Canonical.Fitting;

/// <summary>Recorded models beside the checkout; a test that needs them is skipped where they are not.</summary>
internal static class SharedFamily
{
    /// <summary>A folder of the shared data: <c>synthetic</c>, <c>testbed</c>.</summary>
    public static string Folder(string name)
    {
        var folder = GoldenCase.SharedFolder is { } golden ? Path.Combine(Path.GetDirectoryName(golden)!, name) : null;
        Assert.SkipUnless(Directory.Exists(folder), $"the family is not on this machine: no folder shared/{name} above the tests; DRIFTWATCH_SHARED can name the shared folder");
        return folder!;
    }

    public static CpuEncoder Encoder(string folder, string name) => new(DictionaryReader.Read(new DiskFiles(Path.Combine(folder, "saes", name)), new()), Environment.ProcessorCount);

    public static PairedArrays Pairs(string sourceFile, string targetFile, string sequences)
    {
        using var source = new WeightTensors(File.OpenRead(sourceFile));
        using var target = new WeightTensors(File.OpenRead(targetFile));
        var (x, y) = (source.Header.Tensors["activations"], target.Header.Tensors["activations"]);
        return new(source.Read(x), x.Shape[1], target.Read(y), y.Shape[1], [.. Numbers(sourceFile, sequences)]);
    }

    public static int[] Numbers(string path, string tensor)
    {
        var file = File.ReadAllBytes(path);
        var header = SafetensorsHeader.Read(file, SafetensorsHeader.WeightsHeaderBytesMaximum);
        var entry = header.Tensors[tensor];
        var numbers = new int[entry.Bytes / sizeof(int)];
        Buffer.BlockCopy(file, header.DataStart + (int)entry.Start, numbers, 0, (int)entry.Bytes);
        return numbers;
    }
}

/// <summary>Paired rows in memory, in blocks of a few sequences.</summary>
/// <param name="sequenceOfN">To which sequence a row belongs; its rows stand together.</param>
internal sealed class PairedArrays(float[] sourceNS, int sourceWidth, float[] targetNT, int targetWidth, int[] sequenceOfN, int sequencesOfBlock = 64) : IPairedActivations
{
    public int SourceWidth => sourceWidth;
    public int TargetWidth => targetWidth;

    public IEnumerable<PairedBlock> Blocks()
    {
        var sequences = new List<(int First, int Rows)>();
        for (int from = 0, to; from < sequenceOfN.Length; from = to)
        {
            for (to = from; to < sequenceOfN.Length && sequenceOfN[to] == sequenceOfN[from]; to++) { }
            sequences.Add((from, to - from));
        }
        foreach (var block in sequences.Chunk(sequencesOfBlock))
        {
            var (first, rows) = (block[0].First, block.Sum(sequence => sequence.Rows));
            yield return new(
                sourceNS[(first * sourceWidth)..((first + rows) * sourceWidth)], targetNT[(first * targetWidth)..((first + rows) * targetWidth)], rows,
                [.. block.Select(sequence => (sequence.First - first, sequence.Rows))]);
        }
    }
}
