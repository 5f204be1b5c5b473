using System.CommandLine;
using System.Net.Http.Headers;
using System.Text;
using Confluent.Kafka;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Daemon.Commands;

/// <summary><c>driftwatch send FILE… --to kafka:HOST:PORT/TOPIC | http://…</c>: message files to Kafka or HTTP.</summary>
public static class SendCommand
{
    public static Command Create()
    {
        var files = new Argument<string[]>("file") { Description = "Message files, or folders of them.", Arity = ArgumentArity.OneOrMore };
        var to = new Option<string>("--to") { Description = "kafka:HOST:PORT/TOPIC, or the daemon's http:// or https://HOST:PORT.", Required = true };
        var token = new Option<string?>("--token-file") { Description = "For HTTP: a file that holds the daemon's token." };
        var settings = new Option<string[]>("--set") { Description = "For Kafka: a librdkafka setting, name=value. May be repeated." };
        var command = new Command("send", "Send message files to Kafka or to the daemon over HTTP.") { files, to, token, settings };
        command.SetAction((parsed, stopping) =>
        {
            var paths = CommandLine.Files(parsed.GetRequiredValue(files));
            var address = parsed.GetRequiredValue(to);
            if (address.StartsWith("kafka:", StringComparison.Ordinal)) return ToKafkaAsync(paths, address["kafka:".Length..], parsed.GetValue(settings) ?? [], stopping);
            if (Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https") return ToHttpAsync(paths, uri, parsed.GetValue(token), stopping);
            throw new UsageException($"--to is '{address}'. Use kafka:HOST:PORT/TOPIC or http://HOST:PORT.");
        });
        return command;
    }

    private static async Task<int> ToKafkaAsync(IReadOnlyList<string> files, string address, string[] settings, CancellationToken stopping)
    {
        var (servers, topic) = CommandLine.KafkaTopic("--to", address);
        var config = new ProducerConfig { BootstrapServers = servers, Acks = Acks.All, EnableIdempotence = true, MessageMaxBytes = 64 << 20, MessageTimeoutMs = 60_000 };
        foreach (var (name, value) in CommandLine.KafkaSettings(settings)) config.Set(name, value);
        using var producer = new ProducerBuilder<byte[], byte[]>(config).SetLogHandler((_, _) => { }).Build();
        var progress = new Progress(Console.Error, "messages", files.Count);
        var pending = new Queue<Task>();
        for (var i = 0; i < files.Count; i++)
        {
            var value = await File.ReadAllBytesAsync(files[i], stopping);
            // A file that is no message is sent all the same: the daemon refuses it with its reason, which is what the sender may want to see.
            pending.Enqueue(producer.ProduceAsync(topic, new() { Key = Encoding.UTF8.GetBytes(KeyOf(value)), Value = value }, stopping));
            // Bounded, and in order: an idempotent producer keeps the order of what it was given.
            if (pending.Count > 100) await pending.Dequeue();
            progress.Report(i + 1);
        }
        while (pending.TryDequeue(out var sent)) await sent;
        await Console.Error.WriteLineAsync($"{files.Count} messages sent to {topic}.");
        return ExitCode.Done;
    }

    private static string KeyOf(byte[] value)
    {
        try
        {
            var metadata = SafetensorsHeader.Read(value, SafetensorsHeader.MessageHeaderBytesMaximum).Metadata;
            return new MonitorId(metadata.GetValueOrDefault("model", ""), metadata.GetValueOrDefault("version", ""), metadata.GetValueOrDefault("hook", "")).ToString();
        }
        catch (MalformedException)
        {
            return "";
        }
    }

    private static async Task<int> ToHttpAsync(IReadOnlyList<string> files, Uri address, string? tokenFile, CancellationToken stopping)
    {
        using var client = new HttpClient { BaseAddress = address };
        if (tokenFile is not null) client.DefaultRequestHeaders.Authorization = new("Bearer", (await File.ReadAllTextAsync(tokenFile, stopping)).Trim());
        var progress = new Progress(Console.Error, "messages", files.Count);
        var refused = 0;
        for (var i = 0; i < files.Count; i++)
        {
            using var response = await PostAsync(client, files[i], stopping);
            if (!response.IsSuccessStatusCode)
            {
                refused++;
                await Console.Error.WriteLineAsync($"{files[i]}: {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(stopping)}");
            }
            progress.Report(i + 1);
        }
        await Console.Error.WriteLineAsync($"{files.Count - refused} of {files.Count} messages accepted.");
        return refused == 0 ? ExitCode.Done : ExitCode.InputRefused;
    }

    /// <summary>A daemon that has no room, or hears too much from this sender, says when to try again.</summary>
    private static async Task<HttpResponseMessage> PostAsync(HttpClient client, string file, CancellationToken stopping)
    {
        while (true)
        {
            using var content = new ByteArrayContent(await File.ReadAllBytesAsync(file, stopping));
            content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            var response = await client.PostAsync(new Uri("/v1/activations", UriKind.Relative), content, stopping);
            if ((int)response.StatusCode is not (429 or 503) || response.Headers.RetryAfter?.Delta is not { } delay) return response;
            response.Dispose();
            await Task.Delay(delay, stopping);
        }
    }
}
