using DriftWatch.Analysis;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Detection;
using DriftWatch.Analysis.Windows;

namespace DriftWatch.Alerts;

/// <summary>Judges and decides windows by those before them: what the daemon and a <see cref="WindowReplay"/> share, so that a replay decides what the daemon did.</summary>
/// <remarks>Belief changes through <see cref="Evolve"/> and <see cref="Take"/> only. One caller at a time.</remarks>
internal sealed class WindowJudge
{
    private readonly Dictionary<(WindowKey, int Partition), SequenceTails> tails = [];

    public AlertBook Book { get; private set; } = AlertBook.Empty;

    /// <param name="novelty">What its sequences are scored with; null: nothing is fitted, or the score is in the summary already.</param>
    public JudgedWindow Judge(ClosedWindow window, int partition, ModelPlan plan, Baseline? baseline, NoveltyModel? novelty) =>
        DriftAnalyzer.Judge(
            window, plan, baseline, novelty, baseline is null ? null : TailsOf(window.Key, partition, plan, baseline),
            window.Key.Probe == Probe.Traffic && Book.CanaryMaps.TryGetValue((window.Key.Monitor, partition), out var canary) ? canary : null);

    public IReadOnlyList<AlertEvent> Decide(WindowClosed closed, JudgedWindow judged) => AlertPolicy.Decide(Book, closed, judged);

    public void Evolve(AlertEvent fact) => Book = AlertBook.Evolve(Book, fact);

    /// <summary>Takes in a window that was compared with <paramref name="baseline"/>.</summary>
    public void Take(WindowKey key, int partition, ModelPlan plan, Baseline baseline, WindowSummary summary, DateTimeOffset end) => TailsOf(key, partition, plan, baseline).Take(summary, end);

    /// <summary>The tails of a monitor begin anew with a new baseline, and with another dictionary, transform or row selection.</summary>
    private SequenceTails TailsOf(WindowKey key, int partition, ModelPlan plan, Baseline baseline)
    {
        if (!tails.TryGetValue((key, partition), out var mine) || !mine.Fits(baseline))
            tails[(key, partition)] = mine = new(baseline, sameVersion: baseline.From.Monitor == key.Monitor, plan.Detection);
        return mine;
    }
}
