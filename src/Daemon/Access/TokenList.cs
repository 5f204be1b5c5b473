using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using DriftWatch.Daemon.Configuration;

namespace DriftWatch.Daemon.Access;

/// <summary>One token: what the file keeps of it is no secret.</summary>
/// <param name="Hash">SHA-256 of the token. The token is 256 random bits, so a slow hash would add nothing.</param>
/// <param name="Expires">Null: never.</param>
public sealed record TokenEntry(string Name, Role Roles, byte[] Hash, DateTimeOffset? Expires)
{
    /// <summary>A line of the file: <c>name roles sha256:… [expires]</c>.</summary>
    public override string ToString() => $"{Name} {Access.Roles.Text(Roles)} sha256:{Convert.ToHexStringLower(Hash)}{(Expires is { } time ? time.UtcDateTime.ToString(" yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) : "")}";
}

/// <summary>The tokens that are in force: the file <c>http.tokens</c>.</summary>
/// <remarks>A name may have several tokens, so that a new one can be handed out before the old one is taken away.</remarks>
public sealed partial record TokenList(IReadOnlyList<TokenEntry> Entries)
{
    /// <summary>What every token begins with: people and secret scanners see what it is.</summary>
    public const string Prefix = "dw_";

    /// <summary>Some editors begin a file with it.</summary>
    private const char ByteOrderMark = '\ufeff';

    private const int EntriesMaximum = 1000;
    private const int TokenBytes = 32;

    /// <summary>A new token, shown once, and what is kept of it.</summary>
    public static (string Token, TokenEntry Entry) Create(string name, Role roles, DateTimeOffset? expires)
    {
        var token = Prefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(TokenBytes)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        return (token, new(name, roles, HashOf(token), expires));
    }

    /// <summary>Why nobody may be called that, or null.</summary>
    public static string? NameProblem(string name) =>
        !NamePattern().IsMatch(name) ? $"'{name}' is no name for a token. Use letters, digits and . _ - @, up to 100 of them"
        : name == Caller.Daemon ? $"'{name}' is what the daemon's own events are signed with. Use another name"
        : null;

    /// <exception cref="FormatException">Every problem, a line each.</exception>
    public static TokenList Read(byte[] file)
    {
        var (entries, problems, hashes) = (new List<TokenEntry>(), new List<string>(), new HashSet<string>(StringComparer.Ordinal));
        foreach (var (number, line) in Encoding.UTF8.GetString(file).TrimStart(ByteOrderMark).Split('\n').Index())
        {
            if (line.Trim() is not { Length: > 0 } text || text[0] == '#') continue;
            if (EntryOf(text, out var problem) is not { } entry) problems.Add($"line {number + 1}: {problem}");
            else if (!hashes.Add(Convert.ToHexString(entry.Hash))) problems.Add($"line {number + 1}: stands there twice. Keep one");
            else entries.Add(entry);
        }
        if (entries.Count > EntriesMaximum) problems.Add($"there are {entries.Count} tokens. Keep {EntriesMaximum} or fewer; for more people use http.jwt");
        return problems.Count == 0 ? new(entries) : throw new FormatException(string.Join("; ", problems.Take(20)));
    }

    /// <summary>Looks at every entry whichever fits, so that the time tells nothing.</summary>
    public Authentication Authenticate(string token, DateTimeOffset now)
    {
        var (hash, found) = (HashOf(token), (TokenEntry?)null);
        foreach (var entry in Entries)
            if (CryptographicOperations.FixedTimeEquals(entry.Hash, hash)) found = entry;
        if (found is null) return Authentication.Refused(Refusal.Unknown);
        return found.Expires <= now ? Authentication.Refused(Refusal.Expired) : new Caller(found.Name, found.Roles);
    }

    public bool HasName(string name) => Entries.Any(entry => entry.Name == name);

    private static TokenEntry? EntryOf(string line, out string? problem)
    {
        var parts = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        DateTimeOffset? expires = null;
        // What is wrong is named by its place: a line without a hash may be a secret that somebody wrote there.
        problem = parts.Length is not (3 or 4) || !HashPattern().IsMatch(parts[2]) ? "is no token. A line is 'name role sha256:… [expires]', as 'driftwatch token create' writes it; secrets do not belong here"
            : NameProblem(parts[0]) ?? (!Access.Roles.TryParse(parts[1], out _) ? $"'{parts[1]}' is no role. Use {string.Join(", ", Access.Roles.ByName.Keys)}, or several with commas" : null);
        if (problem is null && parts.Length == 4 && (expires = TimeOf(parts[3])) is null) problem = $"'{parts[3]}' is no time. Use RFC 3339, as in 2027-01-31T00:00:00Z";
        if (problem is not null || !Access.Roles.TryParse(parts[1], out var roles)) return null;
        return new(parts[0], roles, Convert.FromHexString(parts[2].AsSpan("sha256:".Length)), expires);
    }

    /// <summary>RFC 3339, or a day: its beginning in UTC.</summary>
    public static DateTimeOffset? TimeOf(string text) =>
        DateTimeOffset.TryParseExact(text, ["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ssK"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time : null;

    private static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    [GeneratedRegex(@"^[A-Za-z0-9._@-]{1,100}\z", RegexOptions.None, 1000)]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"^sha256:[0-9a-fA-F]{64}\z", RegexOptions.None, 1000)]
    private static partial Regex HashPattern();
}
