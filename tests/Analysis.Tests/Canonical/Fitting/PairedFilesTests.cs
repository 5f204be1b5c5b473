using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical.Fitting;
using DriftWatch.Support;

namespace DriftWatch.Analysis.Tests.Canonical.Fitting;

public sealed class PairedFilesTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Rows_come_back_paired_sequence_by_sequence_wherever_they_stand_in_the_files()
    {
        var source = Write("s", 1, [1, 2, 3, 4], SomeTensor.I32("sequence_ids", 7, 3, 7, 3));
        var target = Write("t", 2, [10, -10, 20, -20, 30, -30, 40, -40], SomeTensor.I64("sequence_ids", 7, 3, 7, 3));

        var files = PairedFiles.Open([source, source], [target, target]);
        var block = Assert.Single(files.Blocks());

        Assert.Equal((1, 2, 8), (files.SourceWidth, files.TargetWidth, files.Rows));
        Assert.Equal([1, 3, 2, 4, 1, 3, 2, 4], block.SourceNS);
        Assert.Equal([10, -10, 30, -30, 20, -20, 40, -40], block.TargetNT[..8]);
        Assert.Equal([(0, 2), (2, 2), (4, 2), (6, 2)], block.Sequences);
        Assert.Equal(block.SourceNS, Assert.Single(files.Blocks()).SourceNS);
    }

    [Fact]
    public void Recordings_without_ids_are_cut_into_their_windows_and_messages_without_ids_are_one_sequence()
    {
        var window = Write("w", 1, [1, 2, 3, 4, 5], metadata: ("rows_per_window", "2"));
        var message = Write("m", 1, [1, 2, 3, 4, 5]);
        var document = Write("d", 1, [1, 2, 3, 4, 5], SomeTensor.I32("doc_id", 1, 1, 1, 2, 2));

        Assert.Equal([(0, 2), (2, 2), (4, 1)], PairedFiles.Open([window], [window]).Blocks().Single().Sequences);
        Assert.Equal([(0, 5)], PairedFiles.Open([message], [message]).Blocks().Single().Sequences);
        Assert.Equal([(0, 3), (3, 2)], PairedFiles.Open([document], [document]).Blocks().Single().Sequences);
    }

    [Fact]
    public void Rows_that_are_not_finite_or_far_out_on_either_side_are_left_out_on_both_and_counted()
    {
        var source = Write("s", 1, [1, float.NaN, 1, 1, 11, 1, float.PositiveInfinity], SomeTensor.I32("sequence_ids", 1, 1, 1, 1, 1, 1, 2));
        var target = Write("t", 1, [1, 2, float.NegativeInfinity, 4, 5, 50, 7], SomeTensor.I32("sequence_ids", 1, 1, 1, 1, 1, 1, 2));

        var files = PairedFiles.Open([source], [target]);
        var block = Assert.Single(files.Blocks());

        // Of the finite rows (targets 1, 4, 5, 50) the source's median is 1 and the target's lower one 4: 11 is out in the source, 50 in the target.
        Assert.Equal([1, 4], block.TargetNT[..block.Rows]);
        Assert.Equal([(0, 2)], block.Sequences);
        Assert.Equal(new RowsLeftOut(NotFinite: 3, Outliers: 2), files.LeftOut);
    }

    [Fact]
    public void Blocks_are_bounded_and_no_sequence_is_cut()
    {
        var rows = 3 * PairedFiles.BlockRowsMaximum / 2;
        var long1 = Write("l", 1, [.. Enumerable.Range(0, rows).Select(row => 1f + row % 3)], metadata: ("rows_per_window", "1000"));

        var blocks = PairedFiles.Open([long1], [long1]).Blocks().ToArray();

        Assert.Equal([65_000, 33_304], blocks.Select(block => block.Rows));
        Assert.Equal(rows, blocks.Sum(block => block.Sequences.Sum(sequence => sequence.Rows)));
    }

    [Fact]
    public void What_does_not_pair_is_refused_with_what_was_found()
    {
        var ids = SomeTensor.I32("sequence_ids", 1, 1, 2);
        var good = Write("good", 1, [1, 2, 3], ids, SomeTensor.I32("token_ids", 5, 6, 7));
        Refused("1 source files and 2 target", [good], [good, good]);
        Refused("3 rows and", [good], [Write("short", 1, [1, 2], SomeTensor.I32("sequence_ids", 1, 1))]);
        Refused("sequence_ids of", [good], [Write("other", 1, [1, 2, 3], SomeTensor.I32("sequence_ids", 1, 2, 2))]);
        Refused("differ in 2 of 3 rows, first in row 1 (6 and 7)", [good], [Write("shuffled", 1, [1, 3, 2], ids, SomeTensor.I32("token_ids", 5, 7, 6))]);
        Refused("with sequence_ids which prompt a row belongs to", [good], [Write("none", 1, [1, 2, 3])]);
        Refused("of width 2", [good, Write("wide", 2, [1, 2, 3, 4, 5, 6], ids)], [good, good]);
        Refused("'other-model'", [good, Write("model", 1, [1, 2, 3], [ids], [("model", "other-model")])], [good, good]);
        Refused("has 2 numbers for 3 rows", [Write("ids", 1, [1, 2, 3], SomeTensor.I32("sequence_ids", 1, 1))], [Write("ids", 1, [1, 2, 3], SomeTensor.I32("sequence_ids", 1, 1))]);
        Refused("no tensor 'activations'", [good], [folder.Write("x.safetensors", SafetensorsFile.Of(null, SomeTensor.F32("x", [3, 1], 1, 2, 3)))]);
        Refused("should be F32, F16 or BF16", [good], [folder.Write("i.safetensors", SafetensorsFile.Of(null, SomeTensor.I32("activations", 1, 2, 3) with { Shape = [3, 1] }))]);
        Refused("bytes of data follow", [good], [folder.Write("cut.safetensors", File.ReadAllBytes(good)[..^1])]);
        Refused("holds a sequence of 65537 rows", [Write("one", 1, new float[65_537])], [Write("one", 1, new float[65_537])]);
    }

    private static void Refused(string mentions, string[] source, string[] target) =>
        Assert.Contains(mentions, Assert.Throws<MalformedException>(() => PairedFiles.Open(source, target)).Message, StringComparison.Ordinal);

    private string Write(string name, int width, float[] values, params SomeTensor[] more) => Write(name, width, values, more, []);

    private string Write(string name, int width, float[] values, (string Key, string Value) metadata) => Write(name, width, values, [], [metadata]);

    private string Write(string name, int width, float[] values, SomeTensor[] more, (string Key, string Value)[] metadata) =>
        folder.Write($"{name}.safetensors", SafetensorsFile.Of(metadata.ToDictionary(entry => entry.Key, entry => entry.Value), [SomeTensor.F32("activations", [values.Length / width, width], values), .. more]));
}
