using DriftWatch.Alerts.Projections;
using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts;

/// <summary>Judges and decides windows by those before them: what the daemon and a <see cref="WindowReplay"/> share, so that a replay decides what the daemon did.</summary>
/// <remarks>Belief changes through <see cref="Evolve"/> and <see cref="Take"/> only. One caller at a time.</remarks>
internal sealed class WindowJudge
{
    private readonly Dictionary<(WindowKey Key, int Partition), Taken> tails = [];

    /// <param name="Position">Of the window that was taken in last; 0: none was.</param>
    private sealed record Taken(SequenceTails Tails, long Position);

    public AlertBook Book { get; private set; } = AlertBook.Empty;

    /// <param name="novelty">What its sequences are scored with; null: nothing is fitted, or the score is in the summary already.</param>
    public JudgedWindow Judge(ClosedWindow window, int partition, ModelPlan plan, Baseline? baseline, NoveltyModel? novelty) =>
        DriftAnalyzer.Judge(
            window, plan, baseline, novelty, baseline is null ? null : TailsOf(window.Key, partition, plan, baseline).Tails,
            window.Key.Probe == Probe.Traffic && Book.CanaryMaps.TryGetValue((window.Key.Monitor, partition), out var canary) ? canary : null);

    public IReadOnlyList<AlertEvent> Decide(WindowClosed closed, JudgedWindow judged) => AlertPolicy.Decide(Book, closed, judged);

    public void Evolve(AlertEvent fact) => Book = AlertBook.Evolve(Book, fact);

    /// <summary>Takes in a window that was compared with <paramref name="baseline"/>.</summary>
    /// <param name="position">Of its event; 0 where nothing will be saved.</param>
    public void Take(WindowKey key, int partition, ModelPlan plan, Baseline baseline, WindowSummary summary, DateTimeOffset end, long position = 0)
    {
        var mine = TailsOf(key, partition, plan, baseline);
        mine.Tails.Take(summary, end);
        tails[(key, partition)] = mine with { Position = position };
    }

    private const string TailsKind = "tails";

    /// <summary>The detectors of unusual sequences with all that they have taken in, for a <see cref="WatchSnapshot"/>; the book is small and is saved with the head.</summary>
    public IEnumerable<SnapshotPart> Save() => tails.Where(entry => entry.Value.Position > 0).Select(entry => new SnapshotPart(
        $"{TailsKind}/{entry.Key.Key.Monitor}/{entry.Key.Key.Probe}/{entry.Key.Partition}/{entry.Value.Position}",
        () =>
        {
            var raw = new VarintWriter();
            SnapshotPart.Write(raw, entry.Key.Key);
            raw.Write(entry.Key.Partition);
            raw.Write(entry.Value.Position);
            raw.Write(entry.Value.Tails.Baseline);
            raw.Write(entry.Value.Tails.Save());
            return raw.ToArray();
        }));

    /// <summary>Into a judge that has taken in nothing yet, once its baselines are loaded.</summary>
    /// <param name="of">What windows of a monitor are compared with.</param>
    /// <returns>False: it is no part of a judge.</returns>
    /// <exception cref="Analysis.Activations.MalformedException">Damaged, or of options that are not in force.</exception>
    public bool Load(string key, byte[] part, Func<WindowKey, (ModelPlan Plan, Baseline Baseline)?> of)
    {
        if (SnapshotPart.KindOf(key) != TailsKind) return false;
        var raw = new VarintReader(part, "snapshot", "saved state of sequence-tails");
        var (window, partition, position, baseline, state) = (SnapshotPart.ReadKey(raw), raw.ReadInt(), raw.ReadLong(), raw.ReadText(), raw.ReadBlob());
        raw.End();
        // With another baseline than now the next window would begin anew.
        if (of(window) is not var (plan, now) || now.Hash != baseline) return true;
        var mine = TailsOf(window, partition, plan, now);
        mine.Tails.Load(state);
        tails[(window, partition)] = mine with { Position = position };
        return true;
    }

    public void Load(AlertBook book) => Book = book;

    /// <summary>The tails of a monitor begin anew with a new baseline, and with another dictionary, transform or row selection.</summary>
    private Taken TailsOf(WindowKey key, int partition, ModelPlan plan, Baseline baseline)
    {
        if (!tails.TryGetValue((key, partition), out var mine) || !mine.Tails.Fits(baseline))
            tails[(key, partition)] = mine = new(new(baseline, sameVersion: baseline.From.Monitor == key.Monitor, plan.Detection), 0);
        return mine;
    }
}
