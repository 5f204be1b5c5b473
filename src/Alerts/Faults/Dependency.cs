using DriftWatch.Alerts.Metrics;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace DriftWatch.Alerts.Faults;

/// <summary>Since when a dependency does not answer somebody who waits for it, and what it said last.</summary>
public sealed record Outage(string Dependency, TimeSpan Lasts, string Reason);

/// <summary>Something outside of the process that the daemon asks and that can be away: the event log, a sink, the dead letters. The one place that says how such a thing is asked.</summary>
/// <remarks>
/// Outermost first: attempts without end, at growing delays with jitter; a circuit breaker that all callers share, so that a server which comes back is not run over; a timeout for each attempt.
/// The caller waits meanwhile: what it holds is bounded by its own bound. What waiting does not mend is thrown at once. It ends with the caller's token and with nothing else.
/// </remarks>
public sealed partial class Dependency
{
    private static readonly TimeSpan saidEvery = TimeSpan.FromSeconds(5);
    private static readonly ResiliencePropertyKey<Waiter> waiterKey = new("driftwatch.waiter");

    private readonly WatchMetrics metrics;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly CircuitBreakerStateProvider breaker = new();
    private readonly ResiliencePipeline pipeline;
    private readonly Lock gate = new();
    private readonly HashSet<Waiter> waiting = [];
    private long awaySince, saidLast = long.MinValue, backSince = long.MinValue;
    private string reason = "";

    /// <param name="name">As metrics and sentences call it: <c>event log</c>.</param>
    /// <param name="isTransient">May the same question be answered later?</param>
    /// <param name="jitter">0 to 1; null: at random.</param>
    public Dependency(string name, Func<Exception, bool> isTransient, Patience patience, WatchMetrics metrics, TimeProvider time, ILogger log, Func<double>? jitter = null)
    {
        (Name, this.metrics, this.time, this.log) = (name, metrics, time, log);
        pipeline = new ResiliencePipelineBuilder { TimeProvider = time }.AddRetry(Retry(isTransient, patience, jitter)).AddCircuitBreaker(Breaker(isTransient, patience)).AddTimeout(new TimeoutStrategyOptions
        {
            Timeout = patience.Attempt,
            OnTimeout = _ =>
            {
                metrics.DependencyTimedOut(name);
                return default;
            },
        }).Build();
        metrics.Follow(this);
    }

    public string Name { get; }

    /// <summary>0 closed, 1 half open, 2 open, as in the metric.</summary>
    internal int BreakerState => breaker.CircuitState switch { CircuitState.Closed => 0, CircuitState.HalfOpen => 1, _ => 2 };

    /// <summary>Null: nobody waits for it.</summary>
    public Outage? Away
    {
        get
        {
            lock (gate) return waiting.Count == 0 ? null : new(Name, time.GetElapsedTime(awaySince), reason);
        }
    }

    /// <summary>How long ago an outage ended; null: there was none.</summary>
    public TimeSpan? BackFor
    {
        get
        {
            lock (gate) return backSince == long.MinValue ? null : time.GetElapsedTime(backSince);
        }
    }

    /// <summary>A limit on the dependency's clock, for what is waited for outside of the pipeline.</summary>
    public CancellationTokenSource Within(TimeSpan limit) => new(limit, time);

    public async Task AskAsync(Func<CancellationToken, Task> ask, CancellationToken stopping) => await AskAsync(async token =>
    {
        await ask(token);
        return true;
    }, stopping);

    public async ValueTask<T> AskAsync<T>(Func<CancellationToken, ValueTask<T>> ask, CancellationToken stopping)
    {
        var context = ResilienceContextPool.Shared.Get(stopping);
        var waiter = new Waiter();
        context.Properties.Set(waiterKey, waiter);
        try
        {
            return await pipeline.ExecuteAsync(static async (context, ask) => await ask(context.CancellationToken), context, ask);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            metrics.DependencyFailed(Name, "permanent");
            throw;
        }
        finally
        {
            Ended(waiter);
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private RetryStrategyOptions Retry(Func<Exception, bool> isTransient, Patience patience, Func<double>? jitter)
    {
        var options = new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<Exception>(error => error is TimeoutRejectedException or BrokenCircuitException || isTransient(error)),
            MaxRetryAttempts = int.MaxValue,
            Delay = patience.DelayFirst,
            MaxDelay = patience.DelayLongest,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            OnRetry = retry =>
            {
                Failed(retry.Context.Properties.GetValue(waiterKey, null!), retry.Outcome.Exception!, retry.RetryDelay);
                return default;
            },
        };
        if (jitter is not null) options.Randomizer = jitter;
        return options;
    }

    private CircuitBreakerStrategyOptions Breaker(Func<Exception, bool> isTransient, Patience patience) => new()
    {
        ShouldHandle = new PredicateBuilder().Handle<Exception>(error => error is TimeoutRejectedException || isTransient(error)),
        FailureRatio = 0.5,
        MinimumThroughput = patience.BreakAttempts,
        SamplingDuration = patience.BreakWindow,
        BreakDuration = patience.Break,
        StateProvider = breaker,
    };

    private void Failed(Waiter waiter, Exception error, TimeSpan wait)
    {
        // Refused by our own breaker: nothing was asked, and what it said last still holds.
        if (error is not BrokenCircuitException) metrics.DependencyFailed(Name, error is TimeoutRejectedException ? "timeout" : "transient");
        metrics.DependencyRetried(Name);
        bool say;
        lock (gate)
        {
            if (waiting.Count == 0) awaySince = time.GetTimestamp();
            waiting.Add(waiter);
            if (error is not BrokenCircuitException) reason = error is TimeoutRejectedException timeout ? $"no answer within {timeout.Timeout.TotalSeconds:0.#} s" : error.Message;
            // A thousand messages may wait at once; one line stands for all.
            say = saidLast == long.MinValue || time.GetElapsedTime(saidLast) >= saidEvery;
            if (say) saidLast = time.GetTimestamp();
        }
        if (say) LogAway(Name, reason, wait.TotalSeconds);
    }

    private void Ended(Waiter waiter)
    {
        TimeSpan lasted;
        lock (gate)
        {
            if (!waiting.Remove(waiter) || waiting.Count > 0) return;
            backSince = time.GetTimestamp();
            lasted = time.GetElapsedTime(awaySince);
        }
        LogBack(Name, lasted.TotalSeconds);
    }

    /// <summary>One question; it waits from its first failure until it is answered or given up.</summary>
    private sealed class Waiter;

    [LoggerMessage(LogLevel.Warning, "The {Dependency} does not answer ({Reason}); nothing is lost, it is asked again in {Seconds:0.0} s")]
    private partial void LogAway(string dependency, string reason, double seconds);

    [LoggerMessage(LogLevel.Information, "Nobody waits for the {Dependency} any more, after {Seconds:0.0} s")]
    private partial void LogBack(string dependency, double seconds);
}
