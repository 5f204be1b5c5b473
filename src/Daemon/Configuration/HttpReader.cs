using DriftWatch.Daemon.Access;

namespace DriftWatch.Daemon.Configuration;

/// <summary>The section <c>http</c>.</summary>
internal static class HttpReader
{
    public static HttpOptions Read(YamlSection? http)
    {
        var defaults = new HttpOptions();
        if (http is null) return defaults;
        if (http.Text("tokenFile") is { } old)
            http.Problem("tokenFile", $"is {old}, one secret in plain text for everybody. Make a token for each client with 'driftwatch token create --name NAME --role viewer|sender|operator --file FILE', which keeps hashes, and write 'tokens: FILE'.");
        var options = new HttpOptions
        {
            Listen = http.Text("listen") ?? defaults.Listen,
            Tokens = PathOf(http, "tokens"),
            Jwt = ReadJwt(http.Section("jwt")),
            Certificate = PathOf(http, "certificate"),
            Key = PathOf(http, "key"),
            PlainText = http.Flag("plainText") ?? defaults.PlainText,
            MetricsOpen = http.Flag("metricsOpen") ?? defaults.MetricsOpen,
            Connections = http.Number<int>("connections", "a whole number") ?? defaults.Connections,
            SendRate = http.Number<int>("sendRate", "a whole number of batches a second") ?? defaults.SendRate,
        };
        http.RefuseUnknown();
        return options;
    }

    private static JwtOptions? ReadJwt(YamlSection? jwt)
    {
        if (jwt is null) return null;
        var defaults = new JwtOptions();
        var options = new JwtOptions
        {
            Issuer = jwt.Text("issuer"),
            Audience = jwt.Text("audience") ?? defaults.Audience,
            Authority = jwt.Text("authority"),
            Keys = PathOf(jwt, "keys"),
            NameClaim = jwt.Text("nameClaim") ?? defaults.NameClaim,
            RoleClaim = jwt.Text("roleClaim") ?? defaults.RoleClaim,
            Roles = jwt.Section("roles") is { } roles ? ReadRoles(roles) : defaults.Roles,
        };
        jwt.RefuseUnknown();
        return options;
    }

    /// <summary>Role → what the provider calls it; the other way round comes back.</summary>
    private static Dictionary<string, Role> ReadRoles(YamlSection section)
    {
        var roles = new Dictionary<string, Role>(StringComparer.Ordinal);
        foreach (var (name, role) in Roles.ByName)
            if (section.Text(name) is { } claim) roles[claim] = roles.GetValueOrDefault(claim) | role;
        section.RefuseUnknown();
        return roles;
    }

    private static string? PathOf(YamlSection section, string key) => section.Text(key) is { } path ? Path.Combine(section.Folder, path) : null;
}
