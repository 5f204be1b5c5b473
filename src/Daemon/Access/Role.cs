namespace DriftWatch.Daemon.Access;

/// <summary>What a client may do. Who acts on alerts sees them, too.</summary>
[Flags]
public enum Role
{
    None = 0,
    Viewer = 1,
    Sender = 2,
    ActsOnAlerts = 4,
    Operator = ActsOnAlerts | Viewer,
}

/// <summary>Roles as operators write them and as authorization knows them.</summary>
public static class Roles
{
    public static readonly IReadOnlyDictionary<string, Role> ByName = new SortedDictionary<string, Role>(StringComparer.Ordinal)
    {
        ["viewer"] = Role.Viewer,
        ["sender"] = Role.Sender,
        ["operator"] = Role.Operator,
    };

    public const Role All = Role.Sender | Role.Operator;

    /// <summary>One or more, as in <c>operator,sender</c>.</summary>
    public static bool TryParse(string text, out Role roles)
    {
        roles = Role.None;
        foreach (var name in text.Split(','))
        {
            if (!ByName.TryGetValue(name, out var role)) return false;
            roles |= role;
        }
        return true;
    }

    public static string NameOf(Role role) => ByName.First(each => each.Value == role).Key;

    /// <summary>As <see cref="TryParse"/> reads it; what another role brings with it is not said again.</summary>
    public static string Text(Role roles) => string.Join(',', ByName.Where(each => Has(roles, each.Value) && !ByName.Values.Any(other => other != each.Value && Has(other, each.Value) && Has(roles, other))).Select(each => each.Key));

    /// <summary>Each by its name.</summary>
    public static IEnumerable<string> Names(Role roles) => ByName.Where(each => Has(roles, each.Value)).Select(each => each.Key);

    private static bool Has(Role roles, Role role) => (roles & role) == role;
}
