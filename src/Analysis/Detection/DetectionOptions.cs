namespace DriftWatch.Analysis.Detection;

/// <summary>When a difference counts as drift. A verdict needs significance and size: on enough traffic everything is significant.</summary>
public sealed record DetectionOptions
{
    /// <summary>
    /// Expected run time of a monitor between two false alarms of <see cref="SequenceTails"/>, per partition. Raising it delays alarms a little (a window or two for ten times the run time) and
    /// overlooks the very rarest triggers.
    /// </summary>
    public RunTime RunTime { get; init; } = new(1000, Days: false);

    /// <summary>Expected share of false ones among the features that a detector names in a window (Benjamini–Hochberg). Raising it finds smaller changes, and names more wrong features.</summary>
    public double FalseDiscoveryRate { get; init; } = 0.01;

    /// <summary>Smallest change of a firing rate that counts, as a factor. Raising it overlooks broad, weak change.</summary>
    public double RateRatio { get; init; } = 1.5;

    /// <summary>
    /// Share of the tested features that must have drifted before a window has. A benign retraining moves a handful for good (1.2 % in our control, 27 % in a backdoored
    /// version); raising it overlooks change in few features, which hazard rules and new features still show.
    /// </summary>
    public double FeaturesShare { get; init; } = 0.05;

    /// <summary>Smallest share of sequences that have a feature which the other side lacks altogether, for the feature to count as new or silent.</summary>
    public double AppearanceShare { get; init; } = 0.02;

    /// <summary>Fewer sequences than this are too few to say anything. Raising it leaves more short windows undecided.</summary>
    public int SequencesMinimum { get; init; } = 50;

    /// <summary>FVU as a factor of the baseline's, up or down, from which the encoder no longer fits. Raising it overlooks a dictionary that fits a little worse.</summary>
    public double FvuRatio { get; init; } = 1.15;

    /// <summary>L0 as a factor of the baseline's, up or down. Raising it overlooks rows that become a little denser.</summary>
    public double L0Ratio { get; init; } = 1.1;

    /// <summary>Shift of the mean activation, in standard deviations of the baseline's rows, along the axis where it is largest. Raising it overlooks small shifts of the activations.</summary>
    public double MeanShift { get; init; } = 0.2;

    /// <summary>Factor by which the variance of the activations must change along some direction, beyond chance. Raising it overlooks activations that spread out or turn a little.</summary>
    public double CovarianceRatio { get; init; } = 1.5;

    /// <summary>Smallest change of a feature's magnitude when it fires, in octaves (1 is a factor of 2). Raising it overlooks features that fire as often, but a little stronger or weaker.</summary>
    public double MagnitudeOctaves { get; init; } = 0.25;

    /// <summary>Share of what a learned map explained in the baseline that may be lost before it no longer fits and feature findings are Undecided. Raising it believes a worse map.</summary>
    public double MapLoss { get; init; } = 0.25;

    /// <summary>Poorest grade of a learned map (<c>transform evaluate</c>) whose feature findings count; below it they are Undecided. Moving it towards F believes poorer maps.</summary>
    public char MinimumGrade { get; init; } = 'E';

    /// <summary>Windows in a row with drift that raise an alert. Raising it delays alerts by as many windows and forgives flukes.</summary>
    public int RaiseAfter { get; init; } = 2;

    /// <summary>Steady windows in a row that end an alert. Raising it keeps alerts open longer after their cause.</summary>
    public int EndAfter { get; init; } = 3;

    public IEnumerable<string> Problems()
    {
        if (RunTime.Amount is not (>= 10 and <= 1e9)) yield return $"detection.runTime is {RunTime}. Use between 10 and 1e9 windows or days; 1000 windows is a good start.";
        if (FalseDiscoveryRate is not (> 0 and < 0.5)) yield return $"detection.falseDiscoveryRate is {FalseDiscoveryRate}. Use a share between 0 and 0.5; 0.01 is a good start.";
        if (!(RateRatio >= 1)) yield return $"detection.rateRatio is {RateRatio}. Use 1 or more; it is a factor, 1.5 means half as much again.";
        if (FeaturesShare is not (>= 0 and < 1)) yield return $"detection.featuresShare is {FeaturesShare}. Use a share from 0 to below 1; 0.05 is a good start.";
        if (AppearanceShare is not (>= 0 and < 1)) yield return $"detection.appearanceShare is {AppearanceShare}. Use a share from 0 to below 1; 0.02 is a good start.";
        if (SequencesMinimum < 10) yield return $"detection.sequencesMinimum is {SequencesMinimum}. Use 10 or more; a variance over fewer sequences means nothing.";
        if (!(FvuRatio > 1)) yield return $"detection.fvuRatio is {FvuRatio}. Use more than 1; it is a factor.";
        if (!(L0Ratio > 1)) yield return $"detection.l0Ratio is {L0Ratio}. Use more than 1; it is a factor.";
        if (!(MeanShift > 0)) yield return $"detection.meanShift is {MeanShift}. Use more than 0; it is in standard deviations.";
        if (!(CovarianceRatio > 1)) yield return $"detection.covarianceRatio is {CovarianceRatio}. Use more than 1; it is a factor.";
        if (!(MagnitudeOctaves > 0)) yield return $"detection.magnitudeOctaves is {MagnitudeOctaves}. Use more than 0; 1 is a factor of 2.";
        if (MapLoss is not (> 0 and <= 1)) yield return $"detection.mapLoss is {MapLoss}. Use a share above 0 and up to 1; 0.25 is a good start.";
        if (RaiseAfter < 1) yield return $"detection.raiseAfter is {RaiseAfter}. Use 1 or more windows.";
        if (EndAfter < 1) yield return $"detection.endAfter is {EndAfter}. Use 1 or more windows.";
    }
}
