using DriftWatch.Analysis;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Support;
using Microsoft.Extensions.Logging;

namespace DriftWatch.Daemon.Tests;

public sealed class EncoderWatchTests
{
    private readonly Lines lines = new();

    [Fact]
    public void A_batch_that_shrank_is_said_once()
    {
        var encoder = new Stated { Status = new("cuda", Precision.Fp32, BatchRows: 4096) };
        var watch = new EncoderWatch(lines, Some.Catalog(Plan(encoder), Plan(encoder)));

        foreach (var rows in new[] { 2048, 2048, 1024 })
        {
            encoder.Status = encoder.Status with { BatchRows = rows };
            watch.Look(Plan(encoder));
        }

        Assert.Equal(2, lines.Said.Count);
        Assert.Contains("takes 2048 at once from now on, not 4096", lines.Said[0], StringComparison.Ordinal);
        Assert.Contains("takes 1024 at once from now on, not 2048", lines.Said[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Why_the_processor_encodes_is_said_once_for_all_models_and_not_where_it_was_asked_for()
    {
        var asked = new Stated { Status = EncoderStatus.Processor };
        var fallen = new Stated { Status = EncoderStatus.Processor with { Fallback = "there is no NVIDIA driver" } };

        EncoderWatch.LogFallbacks(lines, "auto", Some.Catalog(Plan(asked), Plan(fallen), Plan(fallen)));

        Assert.Equal(["encoder is 'auto', and the processor encodes: there is no NVIDIA driver"], lines.Said);
    }

    private static ModelPlan Plan(IEncoder encoder) => Some.Plan() with { Space = Some.Plan().Space with { Encoder = encoder } };

    private sealed class Stated : IEncoder
    {
        public SparseAutoencoder Dictionary { get; } = Some.Dictionary();
        public string Description => "stated";
        public required EncoderStatus Status { get; set; }

        public void Encode(ReadOnlySpan<float> rowsBD, SparseCodes codes) => throw new NotSupportedException();
    }

    private sealed class Lines : ILogger
    {
        public List<string> Said { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Said.Add(formatter(state, exception));
    }
}
