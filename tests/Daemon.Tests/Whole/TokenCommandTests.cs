using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Whole;

public sealed class TokenCommandTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_token_is_shown_once_and_its_hash_joins_the_others()
    {
        var first = await Program.RunAsync(["token", "create", "--name", "fleet", "--role", "sender", "--file", folder.File("tokens")]);
        var second = await Program.RunAsync(["token", "create", "--name", "ann", "--role", "operator", "--expires", "2999-01-31", "--file", folder.File("tokens")]);

        Assert.Equal((0, 0), (first.ExitCode, second.ExitCode));
        Assert.Matches("^dw_[A-Za-z0-9_-]{43}\n$", first.Output);   // Nothing else, so that it can go into a file.
        Assert.Contains("until 2999-01-31T00:00:00Z. It is shown this once:", second.Error, StringComparison.Ordinal);
        var lines = folder.Read("tokens").Split('\n');
        Assert.Matches("^fleet sender sha256:[0-9a-f]{64}$", lines[1]);
        Assert.Matches("^ann operator sha256:[0-9a-f]{64} 2999-01-31T00:00:00Z$", lines[2]);
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder.File("tokens")));
    }

    [Theory]
    [InlineData("driftwatch", "viewer", "2999-01-01", "the daemon's own events")]
    [InlineData("a b", "viewer", "2999-01-01", "--name: 'a b' is no name")]
    [InlineData("ann", "admin", "2999-01-01", "--role is 'admin'. Use operator, sender, viewer")]
    [InlineData("ann", "viewer", "soon", "--expires is 'soon'")]
    [InlineData("ann", "viewer", "2020-01-01", "which is over")]
    [InlineData("ann", "viewer", "2999-01-01", "cannot be used: line 1")]
    public async Task What_cannot_be_made_is_refused_and_the_file_stays(string name, string role, string expires, string says)
    {
        folder.Write("tokens", "no token\n");

        var run = await Program.RunAsync(["token", "create", "--name", name, "--role", role, "--expires", expires, "--file", folder.File("tokens")]);

        Assert.Equal((2, "", "no token\n"), (run.ExitCode, run.Output, folder.Read("tokens")));
        Assert.Contains(says, run.Error, StringComparison.Ordinal);
    }
}
