using System.CommandLine;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch transform …</c>: maps from a model into the canonical feature space.</summary>
public static class TransformCommand
{
    public static Command Create() => new("transform", "Learn and grade maps from a model into the canonical feature space.") { new TransformFitCommand().Create(), new TransformEvaluateCommand().Create(), new TransformComposeCommand().Create() };
}
