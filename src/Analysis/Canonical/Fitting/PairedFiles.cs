using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Canonical.Fitting;

/// <summary>Rows that were left out, on both sides at once: a row counts once, by the first of these that it is.</summary>
/// <param name="NotFinite">NaN or ∞ in the source or the target.</param>
/// <param name="Outliers">Norm above ten times the median of its sequence, in the source or the target.</param>
public sealed record RowsLeftOut(long NotFinite, long Outliers)
{
    public long All => NotFinite + Outliers;
}

/// <summary>Two lists of files paired one by one, row by row: the same tokens through two models. The pairing is checked before any row is used.</summary>
/// <remarks>
/// One block of rows is in memory at a time. File n pairs with file n: as many rows, the same sequences and, where both files have them, the same
/// <c>token_ids</c> and <c>positions</c>. A sequence ends with its file.
/// </remarks>
public sealed class PairedFiles : IPairedActivations
{
    public const int BlockRowsMaximum = 65_536;
    private const long BlockBytes = 128L << 20;
    private const double OutlierNorm = 10;

    private readonly List<(string Source, string Target)> files = [];
    private int longest;

    private PairedFiles()
    {
    }

    public int SourceWidth { get; private set; }
    public int TargetWidth { get; private set; }

    /// <summary>What the files' metadata say; null where they say nothing.</summary>
    public string? SourceModel { get; private set; }
    public string? SourceHook { get; private set; }
    public string? TargetModel { get; private set; }
    public string? TargetHook { get; private set; }

    /// <summary>Rows in the files, those included that are left out.</summary>
    public long Rows { get; private set; }

    /// <summary>Of the last enumeration, when it is through.</summary>
    public RowsLeftOut LeftOut { get; private set; } = new(0, 0);

    /// <exception cref="MalformedException">The files do not pair, or one is damaged: what was found and what to use instead.</exception>
    public static PairedFiles Open(IReadOnlyList<string> source, IReadOnlyList<string> target)
    {
        if (source.Count != target.Count || source.Count == 0)
            throw NotPaired($"There are {source.Count} source files and {target.Count} target files. Give as many of the one as of the other, in the same order");
        var paired = new PairedFiles();
        for (var i = 0; i < source.Count; i++) paired.Add(source[i], target[i]);
        return paired;
    }

    private void Add(string sourcePath, string targetPath)
    {
        using var source = ActivationFile.Open(sourcePath);
        using var target = ActivationFile.Open(targetPath);
        if (files.Count == 0)
            (SourceWidth, SourceModel, SourceHook, TargetWidth, TargetModel, TargetHook) = (source.Width, source.Model, source.Hook, target.Width, target.Model, target.Hook);
        RefuseOtherOrigin(source, SourceWidth, SourceModel, SourceHook, files.FirstOrDefault().Source);
        RefuseOtherOrigin(target, TargetWidth, TargetModel, TargetHook, files.FirstOrDefault().Target);
        RefuseOtherTokens(source, target);
        var most = source.SequenceIds().CountBy(id => id).Max(sequence => sequence.Value);
        if (most > BlockRowsMaximum) throw new MalformedException("too-large", $"{sourcePath} holds a sequence of {most} rows; at most {BlockRowsMaximum} are taken. Say with the tensor sequence_ids which prompt each row belongs to.");
        longest = Math.Max(longest, most);
        Rows += source.Rows;
        files.Add((sourcePath, targetPath));
    }

    private static void RefuseOtherOrigin(ActivationFile file, int width, string? model, string? hook, string? first)
    {
        if (file.Width != width) throw new MalformedException("wrong-width", $"{file.Path} holds activations of width {file.Width}, {first} of width {width}. Use files of one model at one hook.");
        if (file.Model != model || file.Hook != hook) throw new MalformedException("wrong-model", $"{file.Path} is of {Named(file.Model)} at {Named(file.Hook)}, {first} of {Named(model)} at {Named(hook)}. Use files of one model at one hook.");
    }

    private static string Named(string? name) => name is null ? "(not said)" : SafetensorsHeader.Shown(name);

    private static void RefuseOtherTokens(ActivationFile source, ActivationFile target)
    {
        if (source.Rows != target.Rows) throw NotPaired($"{source.Path} has {source.Rows} rows and {target.Path} has {target.Rows}. Row n of both must be the same token: use the same prompts, in the same order, and leave out the same positions");
        if (source.SequenceName != target.SequenceName)
            throw NotPaired($"{source.Path} says with {source.SequenceName ?? "nothing"} which prompt a row belongs to, {target.Path} with {target.SequenceName ?? "nothing"}, so that nobody can see whether they pair. Write the same tensor into both, sequence_ids");
        foreach (var name in new[] { source.SequenceName ?? "sequence_ids", "token_ids", "positions" })
        {
            if (source.Ids(name) is not { } ids || target.Ids(name) is not { } others) continue;
            var differing = ids.Zip(others).Count(pair => pair.First != pair.Second);
            if (differing == 0) continue;
            var row = ids.AsSpan().CommonPrefixLength(others);
            throw NotPaired($"{name} of {source.Path} and {target.Path} differ in {differing} of {ids.Length} rows, first in row {row} ({ids[row]} and {others[row]}). Row n of both must be the same token: use the same prompts, in the same order");
        }
    }

    private static MalformedException NotPaired(string why) => new("pairing", $"{why}.");

    public IEnumerable<PairedBlock> Blocks()
    {
        var capacity = (int)Math.Min(Rows, Math.Min(BlockRowsMaximum, Math.Max(longest, BlockBytes / sizeof(float) / (SourceWidth + TargetWidth))));
        var block = new BlockBuilder(SourceWidth, TargetWidth, capacity);
        var leftOut = new RowsLeftOut(0, 0);
        foreach (var (sourcePath, targetPath) in files)
        {
            using var source = ActivationFile.Open(sourcePath);
            using var target = ActivationFile.Open(targetPath);
            if (source.Rows != target.Rows || source.Width != SourceWidth || target.Width != TargetWidth) throw NotPaired($"{sourcePath} or {targetPath} has changed since it was checked");
            // Stable: the rows of a sequence stay in order, wherever in the file they are.
            foreach (var sequence in source.SequenceIds().Select((id, row) => (id, row)).GroupBy(entry => entry.id, entry => entry.row))
            {
                var rows = sequence.ToArray();
                if (!block.HasRoomFor(rows.Length)) yield return block.Take();
                var (notFinite, outliers) = block.Add(source, target, rows, OutlierNorm);
                leftOut = new(leftOut.NotFinite + notFinite, leftOut.Outliers + outliers);
            }
        }
        if (!block.IsEmpty) yield return block.Take();
        LeftOut = leftOut;
    }

    /// <summary>Sequences of both sides, one behind the other, without the rows that do not count.</summary>
    private sealed class BlockBuilder(int sourceWidth, int targetWidth, int capacity)
    {
        private readonly double[] sorted = new double[capacity];
        private readonly double[] sourceEnergyN = new double[capacity];
        private readonly double[] targetEnergyN = new double[capacity];
        private List<(int First, int Rows)> sequences = [];
        private float[] sourceNS = [];
        private float[] targetNT = [];
        private int kept;

        public bool IsEmpty => kept == 0;

        public bool HasRoomFor(int rows) => kept + rows <= capacity;

        public PairedBlock Take()
        {
            var block = new PairedBlock(sourceNS, targetNT, kept, sequences);
            (sourceNS, targetNT, sequences, kept) = ([], [], [], 0);
            return block;
        }

        public (long NotFinite, long Outliers) Add(ActivationFile source, ActivationFile target, int[] rows, double outlierNorm)
        {
            if (sourceNS.Length == 0) (sourceNS, targetNT) = (GC.AllocateUninitializedArray<float>(capacity * sourceWidth), GC.AllocateUninitializedArray<float>(capacity * targetWidth));
            var first = kept;
            Read(source, rows, sourceNS.AsSpan(first * sourceWidth), sourceWidth);
            Read(target, rows, targetNT.AsSpan(first * targetWidth), targetWidth);
            for (var row = first; row < first + rows.Length; row++)
                (sourceEnergyN[row], targetEnergyN[row]) = (Energy.Of(SourceRow(row)), Energy.Of(TargetRow(row)));

            // NaN fails the comparison too.
            var finite = Keep(first, rows.Length, row => sourceEnergyN[row] <= RowSelection.EnergyMaximum && targetEnergyN[row] <= RowSelection.EnergyMaximum);
            var (sourceLimit, targetLimit) = (Limit(sourceEnergyN, first, finite, outlierNorm), Limit(targetEnergyN, first, finite, outlierNorm));
            var usual = Keep(first, finite, row => sourceEnergyN[row] <= sourceLimit && targetEnergyN[row] <= targetLimit);
            kept = first + usual;
            if (usual > 0) sequences.Add((first, usual));
            return (rows.Length - finite, finite - usual);
        }

        private Span<float> SourceRow(int row) => sourceNS.AsSpan(row * sourceWidth, sourceWidth);
        private Span<float> TargetRow(int row) => targetNT.AsSpan(row * targetWidth, targetWidth);

        /// <summary>Rows that stand together in the file are read together.</summary>
        private static void Read(ActivationFile file, int[] rows, Span<float> rowsND, int width)
        {
            for (int from = 0, to = 1; from < rows.Length; from = to++)
            {
                while (to < rows.Length && rows[to] == rows[to - 1] + 1) to++;
                file.Read(rows[from], rowsND[(from * width)..(to * width)]);
            }
        }

        private double Limit(double[] energyN, int first, int count, double outlierNorm)
        {
            energyN.AsSpan(first, count).CopyTo(sorted);
            return RowSelection.OutlierEnergy(sorted.AsSpan(0, count), outlierNorm);
        }

        private int Keep(int first, int count, Func<int, bool> counts)
        {
            var to = first;
            for (var from = first; from < first + count; from++)
            {
                if (!counts(from)) continue;
                if (to != from)
                {
                    SourceRow(from).CopyTo(SourceRow(to));
                    TargetRow(from).CopyTo(TargetRow(to));
                    (sourceEnergyN[to], targetEnergyN[to]) = (sourceEnergyN[from], targetEnergyN[from]);
                }
                to++;
            }
            return to - first;
        }
    }
}
