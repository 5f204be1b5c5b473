using DriftWatch.Analysis;

namespace DriftWatch.Benchmarks.Detect;

/// <summary>A way to detect drift: learns a baseline, then looks at windows in order. One instance for each run.</summary>
internal interface IContender
{
    string Name { get; }

    /// <summary>When it alarms by its own, published threshold; for the table.</summary>
    string Rule { get; }

    void Learn(Sample baseline, FastRandom random);

    Reading Read(Sample window);

    /// <summary>As it stands now, to go on apart: after the quiet windows every share of triggered sequences starts from the same state. A contender without state is its own fork.</summary>
    /// <param name="read">The windows that it has read.</param>
    IContender Fork(IReadOnlyList<Sample> read) => this;

    /// <summary>Its own rule is made for a run time that is stated beforehand (<c>--run-time</c>): nothing is calibrated.</summary>
    bool StatesRunTime => false;
}

/// <param name="Score">Larger is more drift; thresholds for an equal run time are set on it.</param>
/// <param name="Alarm">By the contender's own threshold.</param>
internal readonly record struct Reading(double Score, bool Alarm);
