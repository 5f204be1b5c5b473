namespace DriftWatch.Analysis.Canonical.Fidelity;

/// <summary>How well one view, the map or a control, carries the source's rows to the reference's features. Every figure with its 95 % interval over sequences.</summary>
/// <param name="R2">1 − Σ‖y − ŷ‖² / Σ‖y − ȳ‖²: variance-weighted over the target's axes. Of a map of features, ŷ is what the reference dictionary decodes.</param>
/// <param name="FvuMapped">Σ‖ŷ − D(ĉ)‖² / Σ‖ŷ − mean ŷ‖²: does the reference dictionary fit the mapped rows? What the running daemon can see. Null for a map of features, and where mapped rows do not vary.</param>
/// <param name="FvuThrough">Σ‖y − D(ĉ)‖² / Σ‖y − ȳ‖²: what the features that came through leave unexplained of the target's own rows.</param>
/// <param name="CorrelationMean">Over the features that fire often enough, the mean of Pearson's correlation over rows (zeros count) of native and mapped activation, negative ones as 0. A feature that never comes through has 0.</param>
/// <param name="CorrelationMedian">Their median.</param>
/// <param name="CorrelationDeciles">Their deciles, 0.1 to 0.9.</param>
/// <param name="MatchedShare">Share of them above 0.5.</param>
/// <param name="Precision">Of the firings that came through, the share that the target's own rows have: all features together.</param>
/// <param name="Recall">Of the target's own firings, the share that came through.</param>
/// <param name="SupportF1">The harmonic mean of both.</param>
/// <param name="L0">Features per row that came through.</param>
/// <param name="Svcca">On at most 8,192 rows; see <see cref="Canonical.Fidelity.Svcca"/>.</param>
/// <param name="Cka">On the same rows; see <see cref="LinearCka"/>.</param>
public sealed record FidelityFigures(
    Estimate R2, Estimate? FvuMapped, Estimate FvuThrough, Estimate CorrelationMean, Estimate CorrelationMedian, double[] CorrelationDeciles, Estimate MatchedShare,
    Estimate Precision, Estimate Recall, Estimate SupportF1, Estimate L0, Estimate? Svcca, Estimate? Cka);

/// <summary>A feature's correlation and how often it fires on either side.</summary>
public sealed record FeatureFidelity(int Feature, double Correlation, double NativeRate, double MappedRate);

/// <summary>A view's figures under its name.</summary>
public sealed record ViewFidelity(string Name, FidelityFigures Figures);
