using System.Text;
using DriftWatch.Daemon.Access;
using DriftWatch.Support;

namespace DriftWatch.Daemon.Tests.Access;

public sealed class TokenListTests
{
    private static readonly string hash = new('a', 64);

    [Fact]
    public void A_made_token_is_long_and_random_and_its_line_lets_it_in()
    {
        var (token, entry) = TokenList.Create("ann", Role.Operator | Role.Sender, Some.Time);
        var (other, _) = TokenList.Create("ann", Role.Viewer, null);

        Assert.Matches("^dw_[A-Za-z0-9_-]{43}$", token);
        Assert.NotEqual(token, other);
        Assert.DoesNotContain(token, entry.ToString(), StringComparison.Ordinal);
        Assert.StartsWith("ann operator,sender sha256:", entry.ToString(), StringComparison.Ordinal);
        var list = Read($"\ufeff{entry}");
        Assert.Equal((Authentication)new Caller("ann", Role.Operator | Role.Sender), list.Authenticate(token, Some.Time.AddSeconds(-1)));
        Assert.Equal(Authentication.Refused(Refusal.Expired), list.Authenticate(token, Some.Time));
        Assert.Equal(Authentication.Refused(Refusal.Unknown), list.Authenticate(other, Some.Time));
    }

    [Fact]
    public void Comments_and_blank_lines_are_left_out_and_a_name_may_have_two_tokens() =>
        Assert.Equal(2, Read($"# made by hand\n\nann viewer sha256:{hash}\r\n  ann\tviewer sha256:{new string('b', 64)} 2027-01-31\n").Entries.Count);

    [Theory]
    [InlineData("dw_secret", "line 1: is no token")]
    [InlineData("ann viewer dw_secret", "line 1: is no token")]
    [InlineData("ann dw_secret", "line 1: is no token")]
    [InlineData("ann admin sha256:HASH", "'admin' is no role. Use operator, sender, viewer")]
    [InlineData("ann viewer,, sha256:HASH", "is no role")]
    [InlineData("a/b viewer sha256:HASH", "'a/b' is no name")]
    [InlineData("driftwatch viewer sha256:HASH", "the daemon's own events")]
    [InlineData("ann viewer sha256:HASH tomorrow", "'tomorrow' is no time. Use RFC 3339")]
    [InlineData("ann viewer sha256:HASH\nbob viewer sha256:HASH", "line 2: stands there twice")]
    [InlineData("ann viewer sha256:HASHa", "is no token")]
    public void What_is_no_line_is_refused_and_a_secret_not_shown(string text, string says)
    {
        var refused = Assert.Throws<FormatException>(() => Read(text.Replace("HASH", hash, StringComparison.Ordinal)));

        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("dw_secret", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_of_any_kind_are_a_list_or_a_refusal()
    {
        var random = new Random(5);
        for (var i = 0; i < 2000; i++)
        {
            var bytes = Encoding.UTF8.GetBytes($"ann viewer sha256:{hash} 2027-01-31T00:00:00Z\n");
            for (var at = 0; at < 4; at++) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            try
            {
                TokenList.Read(bytes);
            }
            catch (FormatException)
            {
                // The only way to refuse.
            }
        }
    }

    [Fact]
    public void More_tokens_than_anybody_needs_are_refused() =>
        Assert.Contains("Keep 1000 or fewer", Assert.Throws<FormatException>(() => Read(string.Concat(Enumerable.Range(0, 1001).Select(i => $"a{i} viewer sha256:{i:x64}\n")))).Message, StringComparison.Ordinal);

    private static TokenList Read(string text) => TokenList.Read(Encoding.UTF8.GetBytes(text));
}
