using DriftWatch.Analysis.Encoding;

namespace DriftWatch.Analysis.Tests.Encoding;

public sealed class EncoderChoiceTests
{
    private static readonly SparseAutoencoder some = SomeAutoencoder.Of(new Random(1), AutoencoderKind.Standard, InputNormalization.None, width: 3, features: 5);

    [Fact]
    public void The_processor_is_taken_where_it_is_asked_for_and_that_is_no_fallback()
    {
        var encoder = new EncoderChoice(EncoderDevice.Cpu, Precision.Fp32, 1).For(some);

        Assert.IsType<CpuEncoder>(encoder);
        Assert.Equal(EncoderStatus.Processor, encoder.Status);
    }

    [Fact]
    public void Auto_without_a_gpu_is_the_processor_and_a_build_for_gpus_says_why()
    {
        Assert.SkipWhen(EncoderChoice.GpuProblem is null, "this machine has a GPU that works");

        var encoder = new EncoderChoice(EncoderDevice.Auto, Precision.Fp32, 1).For(some);

        Assert.StartsWith("cpu (", encoder.Description, StringComparison.Ordinal);
        Assert.Equal(("cpu", EncoderChoice.BuiltForGpus ? EncoderChoice.GpuProblem : null), (encoder.Status.Device, encoder.Status.Fallback));
        var (expected, actual) = (new SparseCodes(), new SparseCodes());
        new ReferenceEncoder(some).Encode([1, 2, 3], expected);
        encoder.Encode([1, 2, 3], actual);
        Assert.Equal(expected.FeaturesOf(0), actual.FeaturesOf(0));
    }

    [Fact]
    public void A_gpu_that_is_asked_for_and_cannot_be_used_is_an_error_that_says_what_to_do()
    {
        Assert.SkipWhen(EncoderChoice.GpuProblem is null, "this machine has a GPU that works");

        var error = Assert.Throws<GpuException>(() => new EncoderChoice(EncoderDevice.Cuda, Precision.Bf16, 1).For(some));

        Assert.EndsWith(EncoderChoice.BuiltForGpus ? "use encoder: cpu." : "use cpu or auto.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Windows_of_one_precision_do_not_compare_with_those_of_another()
    {
        var plan = Some.Plan(some);
        ModelPlan With(Precision precision) => plan with { Space = plan.Space with { Encoder = new Stated(plan.Encoder, precision) } };

        Assert.Equal(plan.EncodingHash, With(Precision.Fp32).EncodingHash);
        Assert.Equal(3, new[] { Precision.Fp32, Precision.Tf32, Precision.Bf16 }.Select(precision => With(precision).EncodingHash).Distinct().Count());
    }

    private sealed class Stated(IEncoder encoder, Precision precision) : IEncoder
    {
        public SparseAutoencoder Dictionary => encoder.Dictionary;
        public string Description => encoder.Description;
        public EncoderStatus Status => new("cuda", precision);

        public void Encode(ReadOnlySpan<float> rowsBD, SparseCodes codes) => encoder.Encode(rowsBD, codes);
    }
}
