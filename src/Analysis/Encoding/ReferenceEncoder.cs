namespace DriftWatch.Analysis.Encoding;

/// <summary>The plain encoder of each kind, a row at a time. Slow; what every faster encoder is tested against.</summary>
public sealed class ReferenceEncoder(SparseAutoencoder sae) : IEncoder
{
    private readonly float[] gainF = TopKEncoder.Gain(sae);
    private readonly float[] hL = new float[sae.Latents];

    public SparseAutoencoder Dictionary => sae;
    public string Description => "reference (one row at a time)";

    public void Encode(ReadOnlySpan<float> rowsBD, SparseCodes codes)
    {
        codes.Clear();
        var inputD = new float[sae.Width];
        var featuresF = new float[sae.Features];
        var active = new List<int>();
        for (var row = 0; row < rowsBD.Length / sae.Width; row++)
        {
            var rowD = rowsBD.Slice(row * sae.Width, sae.Width);
            RowNormalization.Of(rowD, sae).Apply(rowD, sae, inputD);
            EncodeRow(inputD, featuresF);
            active.Clear();
            for (var f = 0; f < featuresF.Length; f++)
                if (featuresF[f] != 0) active.Add(f);
            codes.AddRow([.. active], [.. active.Select(f => featuresF[f])]);
        }
    }

    private void EncodeRow(ReadOnlySpan<float> inputD, Span<float> featuresF)
    {
        switch (sae.Kind)
        {
            case AutoencoderKind.Gated: GatedEncoder.Encode(inputD, sae, featuresF); return;
            case AutoencoderKind.MatchingPursuit: MatchingPursuitEncoder.Encode(inputD, sae, featuresF); return;
        }
        PreActivations.Of(inputD, sae, hL);
        for (var head = 0; head < sae.Heads; head++)
        {
            var ofHead = new Range(head * sae.Latents, (head + 1) * sae.Latents);
            switch (sae.Kind)
            {
                case AutoencoderKind.Standard: StandardEncoder.Encode(hL, featuresF[ofHead]); break;
                case AutoencoderKind.JumpReLU: JumpReluEncoder.Encode(hL, sae.ThresholdF.AsSpan(ofHead), featuresF[ofHead]); break;
                case AutoencoderKind.TopK or AutoencoderKind.AbsTopK: TopKEncoder.Encode(hL, sae, gainF.AsSpan(ofHead), featuresF[ofHead]); break;
                case AutoencoderKind.GroupMax: GroupMaxEncoder.Encode(hL, sae, featuresF[ofHead]); break;
                default: throw new InvalidOperationException($"no encoder for {sae.Kind}");
            }
        }
    }
}
