using DriftWatch.Alerts.EventLog;

namespace DriftWatch.Alerts.Tests.EventLog;

public sealed class EventStoreDbAddressTests
{
    [Theory]
    [InlineData("esdb://db-1:2113")]
    [InlineData("esdb://db-1:2113/")]
    [InlineData("esdb://db-1/driftwatch?tls=false")]
    [InlineData("esdb://driftwatch:s%40cret@db-1:2113,db-2:2113/eu-west_1?nodePreference=leader&tlsVerifyCert=true")]
    [InlineData("esdb+discover://driftwatch:secret@cluster.example:2113/driftwatch")]
    public void An_address_of_a_server_or_a_cluster_is_accepted(string address) => Assert.Null(EventLogAddress.Problem(address));

    [Theory]
    [InlineData("esdb://", "which is no address")]
    [InlineData("esdb://u:secret@", "which is no address")]
    [InlineData("esdb://u:sec@secret@host", "%40")]
    [InlineData("esdb://host/a/b", "letters, digits")]
    [InlineData("esdb://host/a.b", "letters, digits")]
    [InlineData("esdb://secret@host", "InvalidUserCredentialsException")]
    [InlineData("esdb://u:secret@host:none", "InvalidHostException")]
    [InlineData("esdb://u:secret@host?bananas=3", "InvalidSettingException")]
    [InlineData("esdb://u:secret@host?tls=maybe", "InvalidSettingException")]
    public void An_address_that_cannot_be_used_is_refused_with_what_to_use_and_without_its_password(string wrong, string because)
    {
        var problem = EventLogAddress.Problem(wrong);

        Assert.Contains(because, problem, StringComparison.Ordinal);
        Assert.Contains("Use esdb://USER:PASSWORD@HOST:PORT/NAME", problem, StringComparison.Ordinal);
        if (wrong.Contains(":secret", StringComparison.Ordinal)) Assert.DoesNotContain("secret", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_server_that_is_not_there_is_said_without_the_password()
    {
        var refused = Assert.Throws<IOException>(() => EventLogAddress.Open("esdb://u:secret@127.0.0.1:1/x?tls=false&maxDiscoverAttempts=1", TimeProvider.System));

        Assert.StartsWith("The event log esdb://u:***@127.0.0.1:1/x?tls=false&maxDiscoverAttempts=1 cannot be opened", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refused.ToString(), StringComparison.Ordinal);
    }
}
