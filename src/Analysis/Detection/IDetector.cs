using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Compares a closed window with the baseline. Pure: no clock, no state, no order of calls.</summary>
public interface IDetector
{
    /// <summary>Stored in events and metrics: add, never rename.</summary>
    string Name { get; }

    /// <summary>It speaks of canonical features: behind a map that does not fit it can say nothing.</summary>
    bool ReadsFeatures => true;

    Finding Judge(WindowSummary window, Baseline baseline);
}
