using System.Text.RegularExpressions;
using EventStore.Client;

namespace DriftWatch.Alerts.EventLog;

/// <summary><c>esdb://USER:PASSWORD@HOST:PORT/NAME?OPTIONS</c>: the client's own connection string, and behind the slash what our streams' names begin with.</summary>
internal static partial class EventStoreDbAddress
{
    private const string NameDefault = "driftwatch";

    /// <summary>A start is not held up for longer; a daemon that runs asks again for as long as it takes.</summary>
    private static readonly TimeSpan tryFor = TimeSpan.FromSeconds(15);

    public static string? Problem(string address)
    {
        const string Use = "Use esdb://USER:PASSWORD@HOST:PORT/NAME, the password from the environment, as ${ESDB_PASSWORD}, or esdb+discover:// for a cluster";
        var shown = EventLogAddress.Shown(address);
        try
        {
            return AddressPattern().IsMatch(address) && Parsed(address).Settings is not null ? null : $"log is '{shown}', which is no address of an EventStoreDB. NAME is made of letters, digits, '-' and '_', and an '@' in the password is written %40. {Use}.";
        }
        // Its messages quote what they do not understand, which may be the password.
        catch (Exception error) when (error is ConnectionStringParseException or UriFormatException or ArgumentException)
        {
            return $"log is '{shown}', which EventStoreDB's client does not accept ({error.GetType().Name}). {Use}; options such as ?tls=false, &tlsCaFile=PATH, &defaultDeadline=MILLISECONDS behind a question mark.";
        }
    }

    /// <exception cref="IOException">The server cannot be reached, or refuses.</exception>
    public static OpenedLog Open(string address, TimeProvider time, int attachmentsKept)
    {
        var (settings, name) = Parsed(address);
        var log = new EventStoreDbEventLog(settings, name, attachmentsKept);
        try
        {
            using var enough = new CancellationTokenSource(tryFor);
            log.TryAsync(enough.Token).GetAwaiter().GetResult();
            return new(log, log, new EventStoreDbLeases(log, time)) { PositionsHaveGaps = true };
        }
        catch (Exception error) when (error is EventLogAwayException or AccessDeniedException or NotAuthenticatedException or OperationCanceledException or Grpc.Core.RpcException)
        {
            log.Dispose();
            var because = error is OperationCanceledException ? "no answer." : error.Message;
            throw new IOException($"The event log {EventLogAddress.Shown(address)} cannot be opened: {because} Does the server run, does it speak TLS as the address says (tls=false where not), and may the user read $all and write streams that begin with {name}?", error);
        }
    }

    private static (EventStoreClientSettings Settings, string Name) Parsed(string address)
    {
        var parts = AddressPattern().Match(address).Groups;
        return (EventStoreClientSettings.Create($"{parts["server"]}{parts["options"]}"), parts["name"] is { Length: > 0 } name ? name.Value : NameDefault);
    }

    [GeneratedRegex(@"^(?<server>esdb(\+discover)?://([^@/?]*@)?[^@/?]+)(/(?<name>[A-Za-z0-9_-]*))?(?<options>\?.*)?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex AddressPattern();
}
