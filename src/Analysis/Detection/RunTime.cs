using System.Globalization;

namespace DriftWatch.Analysis.Detection;

/// <summary>How long a monitor runs between two false alarms, on average: in windows, or in days of event time.</summary>
public readonly record struct RunTime(double Amount, bool Days)
{
    public override string ToString() => $"{Amount.ToString(CultureInfo.InvariantCulture)} {(Days ? "days" : "windows")}";

    /// <summary><c>1000 windows</c>, <c>90 days</c>.</summary>
    public static bool TryParse(string text, out RunTime runTime)
    {
        var parts = text.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        runTime = default;
        if (parts is not [var amount, "windows" or "days"] || !double.TryParse(amount, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)) return false;
        runTime = new(value, parts[1] == "days");
        return true;
    }
}
