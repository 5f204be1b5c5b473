using System.CommandLine;
using DriftWatch.Daemon.Commands;
using DriftWatch.Daemon.Demo;

var root = new RootCommand("DriftWatch notices when a fine-tuned language model gains a dangerous feature or loses a protective one.")
{
    RunCommand.Create(),
    DemoCommand.Create(),
    AnalyzeCommand.Create(),
    SendCommand.Create(),
    SaeCommand.Create(),
    FingerprintCommand.Create(),
    HazardsCommand.Create(),
    ReplayCommand.Create(),
    TuneCommand.Create(),
    CompareCommand.Create(),
    TransformCommand.Create(),
    AuditCommand.Create(),
    LogCommand.Create(),
    TokenCommand.Create(),
    HistoryCommand.Create(),
    ProjectionsCommand.Create(),
    PlanCommand.Create(),
};
return await CommandLine.RunAsync(root, args);
