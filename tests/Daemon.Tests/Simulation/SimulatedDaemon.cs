using DriftWatch.Alerts;
using DriftWatch.Alerts.EventLog;
using DriftWatch.Alerts.Faults;
using DriftWatch.Alerts.Metrics;
using DriftWatch.Alerts.Sinks;
using Microsoft.Extensions.Logging.Abstractions;

namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>One process: the real loop and the real publisher on simulated ports. It dies without a word: nothing of it runs any more, no finally either; what it has asked for may still take effect.</summary>
internal sealed class SimulatedDaemon : IDisposable
{
    private readonly SimulatedWorld world;
    private readonly WatchMetrics metrics;
    private readonly CancellationTokenSource stopping = new(), drained = new(), giveUp = new();
    private readonly SimulatedConsumer consumer;
    private readonly DriftWatcher watcher;
    private readonly AlertPublisher publisher;
    private Task watching = Task.CompletedTask, publishing = Task.CompletedTask;

    public SimulatedDaemon(SimulatedWorld world, int number)
    {
        (this.world, Number) = (world, number);
        Time = new(world.Time, this);
        metrics = new(new(), Time);
        Dependency store = Needs("event log"), letters = Needs("dead letters"), sink = Needs("alert sink");
        Progress = new(Time, store, letters);
        var (port, catalog) = (new SimulatedStore(world, this), world.Catalog);
        var log = new PatientEventLog(port, port, store);
        consumer = new(world, this);
        watcher = new DriftWatcher(
            consumer, House.DecoderFor(catalog, 1 << 20), catalog, new WatchRecord(log, catalog), new PatientDeadLetters(new SimulatedDeadLetters(world, this), letters),
            metrics, Progress, Time, NullLogger<DriftWatcher>.Instance);
        publisher = new AlertPublisher(log, log, new SimulatedLeases(world, this), new SimulatedSink(world, this), sink, NullLogger<AlertPublisher>.Instance, giveUp.Token);
    }

    public int Number { get; }
    public DaemonTime Time { get; }
    public WatchProgress Progress { get; }
    public bool Alive { get; private set; } = true;
    public SimulatedConsumer Consumer => consumer;

    public void Start()
    {
        watching = watcher.RunAsync(stopping.Token, giveUp.Token);
        publishing = publisher.RunAsync(drained.Token);
    }

    /// <summary>May it go on from an await? It may also die there.</summary>
    public bool Awakes()
    {
        if (Alive && world.Fate.Crash()) world.Crashed(this);
        return Alive;
    }

    /// <summary>From here on nothing of it runs.</summary>
    public void Dispose()
    {
        Alive = false;
        metrics.Dispose();
        publisher.Dispose();
    }

    /// <summary>SIGTERM: the loop first, then what there is to send, and the end after 25 seconds.</summary>
    public void Stop()
    {
        world.Time.After(TimeSpan.FromSeconds(25), () => Time.Cancel(stopping, giveUp), this);
        Time.Cancel(stopping);
    }

    /// <summary>What ended it; null: it runs.</summary>
    public Exception? Ended()
    {
        if (!Alive) return null;
        if (stopping.IsCancellationRequested)
        {
            if (watching.IsCompleted && !drained.IsCancellationRequested) Time.Cancel(drained);
            if (!Alive || !watching.IsCompleted || !publishing.IsCompleted) return null;
            return Unless<OperationCanceledException>(watching) ?? Unless<OperationCanceledException>(publishing) ?? new OperationCanceledException();
        }
        return watching.IsCompleted ? watching.Exception?.InnerException ?? new InvalidOperationException("the loop ended by itself")
            : publishing.IsCompleted ? publishing.Exception?.InnerException ?? new InvalidOperationException("the publisher ended by itself")
            : null;

        static Exception? Unless<T>(Task task) => task.Exception?.InnerException is { } error and not T ? error : null;
    }

    /// <summary>One question to the outside. A daemon can die before it is asked and before the answer is heard; in between it takes its course.</summary>
    public Task<T> AskAsync<T>(string what, Func<T> effect, Func<bool> isAway, CancellationToken token)
    {
        world.Time.OnThread();
        var answer = new TaskCompletionSource<T>();
        if (token.IsCancellationRequested) return Task.FromCanceled<T>(token);
        if (!Awakes()) return answer.Task;
        var course = world.Fate.Course();
        if (token.CanBeCanceled) token.UnsafeRegister(_ => answer.TrySetCanceled(token), null);
        world.Time.After(course.There, () =>
        {
            var (result, error) = (default(T)!, (Exception?)null);
            if (course.Fails || isAway()) error = new EventLogAwayException($"{what} is away");
            else
            {
                try
                {
                    result = effect();
                }
                catch (WrongRevisionException refused)
                {
                    error = refused;
                }
                if (course.FailsAfter) error ??= new EventLogAwayException($"{what} failed after it was done");
            }
            if (what is not (SimulatedStore.Read or SimulatedLeases.Take)) world.Moved($"{what} for {Number}: {(error is null ? "done" : error.GetType().Name)}{(course.Unanswered ? ", unanswered" : "")}{(Alive ? "" : ", too late")}");
            if (course.Unanswered) return;
            world.Time.After(course.Back, () => _ = error is null ? answer.TrySetResult(result) : answer.TrySetException(error), this);
        });
        return answer.Task;
    }

    private Dependency Needs(string name) => new(name, StoreFault.IsTransient, new(), metrics, Time, NullLogger.Instance, world.Fate.Jitter);
}
