using DriftWatch.Analysis.Windows;

namespace DriftWatch.Analysis.Detection;

/// <summary>Compares a closed window with the baseline. Pure: no clock, no state, no order of calls.</summary>
public interface IDetector
{
    /// <summary>Stored in events and metrics: add, never rename.</summary>
    string Name { get; }

    Finding Judge(WindowSummary window, Baseline baseline);
}
