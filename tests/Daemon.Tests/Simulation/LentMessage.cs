using System.Runtime.InteropServices;
using DriftWatch.Ingest;

namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>A message as the Kafka source hands it out: its value is the source's, and other bytes stand there as soon as the reader asks for the next event. The loop's tests fail where it keeps one.</summary>
internal sealed class LentMessage
{
    public LentMessage(RawMessage message) => Received = new(message.Kept());

    public MessageReceived Received { get; }

    public void TakeBack() => MemoryMarshal.AsMemory(Received.Message.Value).Span.Fill(0xee);
}
