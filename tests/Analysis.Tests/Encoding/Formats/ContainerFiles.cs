using System.Text.Json.Nodes;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Tests.Encoding.Formats;

/// <summary>The small files of <c>Golden/containers.py</c> and what they hold.</summary>
internal static class ContainerFiles
{
    private static readonly string folder = Path.Combine(AppContext.BaseDirectory, "Golden", "containers");

    public static Stream Open(string name) => File.OpenRead(Path.Combine(folder, name));

    public static byte[] Bytes(string name) => File.ReadAllBytes(Path.Combine(folder, name));

    public static void HoldsWhatIsExpected(string name, TensorFile file)
    {
        var all = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "expected.json")))![name]!.AsObject();
        Assert.NotEmpty(all);
        foreach (var (tensor, expected) in all)
        {
            int[] shape = [.. expected!["shape"]!.AsArray().Select(size => (int)size!)];
            Assert.Equal(expected["values"]!.AsArray().Select(value => (float)(double)value!), file.Read(tensor, shape));
        }
    }
}
