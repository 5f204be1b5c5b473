using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Tests.Encoding.Formats;

/// <summary>Damaged containers: a typed refusal or a correct read, nothing else. From a seed; another with <c>DRIFTWATCH_SEED</c>.</summary>
public sealed class ContainerFuzzTests
{
    private const int Mutations = 50_000;

    /// <summary>Small whole numbers, each once: what is read can only be some of them.</summary>
    private static readonly float[] numbers = [.. Enumerable.Range(1, 12).Select(i => (float)i)];
    private static readonly SomeTorch.View[] views =
    [
        new("turned", numbers, 0, [3, 4], [1, 3]), new("slice", numbers, 2, [2, 3], [6, 1]), SomeTorch.View.Plain("b", [3], 7, 8, 9),
    ];

    [Fact]
    public void A_damaged_safetensors_file_is_refused_or_read()
    {
        // No checksums: numbers may differ, but every tensor that is there has as many as its shape says.
        var file = Some.Safetensors(new Dictionary<string, string>(StringComparer.Ordinal) { ["model"] = "some" }, ("w", "F32", [3, 4], Some.Bytes(numbers)), ("h", "F16", [3], new byte[6]), ("n", "I64", [1], new byte[8]));
        var read = Fuzz(file, bytes =>
        {
            using var tensors = new WeightTensors(new MemoryStream(bytes));
            foreach (var (name, tensor) in tensors.Stored)
                if (tensor.DType is "F32" or "F16" or "F64" or "BF16") Assert.Equal(tensor.Count, tensors.Read(name, tensor.Shape).Length);
        });
        Assert.InRange(read, 1, Mutations - 1);
    }

    [Fact]
    public void A_damaged_npz_is_refused_or_read_as_it_was()
    {
        SomeEntry[] entries =
        [
            new("w.npy", NpzFileTests.Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }", Some.Bytes(numbers))),
            new("b.npy", NpzFileTests.Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", Some.Bytes(7, 8, 9))) { Deflated = true },
        ];
        var read = Fuzz(SomeZip.Of(entries), bytes =>
        {
            using var tensors = new NpzFile(new MemoryStream(bytes));
            Assert.Equal([1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12], tensors.Read("w", 3, 4));
            Assert.Equal([7, 8, 9], tensors.Read("b", 3));
        });
        Assert.InRange(read, 1, Mutations - 1);
    }

    [Fact]
    public void A_damaged_npy_in_a_sound_zip_is_refused_or_read()
    {
        var npy = NpzFileTests.Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }", Some.Bytes(numbers));
        var read = Fuzz(npy, bytes =>
        {
            using var tensors = new NpzFile(new MemoryStream(SomeZip.Of(new SomeEntry("w.npy", bytes))));
            var tensor = tensors.Stored["w"];
            Assert.Equal(tensor.Count, tensors.Read("w", tensor.Shape).Length);
        });
        Assert.InRange(read, 1, Mutations - 1);
    }

    [Fact]
    public void A_damaged_torch_file_is_refused_or_read_as_it_was()
    {
        var read = Fuzz(SomeTorch.File(views), bytes =>
        {
            using var tensors = new TorchFile(new MemoryStream(bytes));
            Assert.Equal([1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12], tensors.Read("turned", 3, 4));
            Assert.Equal([3, 4, 5, 9, 10, 11], tensors.Read("slice", 2, 3));
            Assert.Equal([7, 8, 9], tensors.Read("b", 3));
        });
        Assert.InRange(read, 1, Mutations - 1);
    }

    [Fact]
    public void A_damaged_pickle_in_a_sound_zip_is_refused_or_read_within_its_storages()
    {
        var read = Fuzz(SomeTorch.Pickle(views), bytes =>
        {
            using var tensors = new TorchFile(new MemoryStream(SomeTorch.File(bytes, views)));
            foreach (var (name, tensor) in tensors.Stored)
                if (tensor.DType == "F32") Assert.All(tensors.Read(name, tensor.Shape), value => Assert.Contains(value, numbers));
        });
        Assert.InRange(read, 1, Mutations - 1);
    }

    [Fact]
    public void A_damaged_pickle_of_PyTorchs_own_is_refused_or_read()
    {
        using var zip = new System.IO.Compression.ZipArchive(ContainerFiles.Open("module.pt"));
        SomeEntry[] entries = [.. zip.Entries.Select(entry => new SomeEntry(entry.FullName, Bytes(entry)))];
        var pickle = Array.FindIndex(entries, entry => entry.Name.EndsWith("data.pkl", StringComparison.Ordinal));
        var read = Fuzz(entries[pickle].Data, bytes =>
        {
            using var tensors = new TorchFile(new MemoryStream(SomeZip.Of([.. entries.Select((entry, i) => i == pickle ? entry with { Data = bytes } : entry)])));
            foreach (var (name, tensor) in tensors.Stored)
                if (tensor.DType == "F32") Assert.Equal(tensor.Count, tensors.Read(name, tensor.Shape).Length);
        });
        Assert.InRange(read, 1, Mutations - 1);

        static byte[] Bytes(System.IO.Compression.ZipArchiveEntry entry)
        {
            using var content = entry.Open();
            using var bytes = new MemoryStream();
            content.CopyTo(bytes);
            return bytes.ToArray();
        }
    }

    /// <returns>How many were read.</returns>
    private static int Fuzz(byte[] file, Action<byte[]> read)
    {
        read(file);
        var random = new Random((int)Property.Seed);
        var done = 0;
        for (var i = 0; i < Mutations; i++)
        {
            var damaged = Damaged(random, file);
            try
            {
                read(damaged);
                done++;
            }
            catch (MalformedException)
            {
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"DRIFTWATCH_SEED={Property.Seed}, mutation {i}: {Convert.ToHexString(damaged)}", error);
            }
        }
        return done;
    }

    private static byte[] Damaged(Random random, byte[] file)
    {
        var bytes = file.ToList();
        for (var times = random.Next(1, 4); times > 0 && bytes.Count > 0; times--)
        {
            var at = random.Next(bytes.Count);
            var length = Math.Min(random.Next(1, 9), bytes.Count - at);
            switch (random.Next(8))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes[at] = random.Next(2) == 0 ? (byte)0 : (byte)255; break;
                case 3: bytes.RemoveRange(at, length); break;
                case 4: bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - length + 1), length)); break;
                case 5: bytes.RemoveRange(at, bytes.Count - at); break;
                case 6:
                    for (var i = at; i < at + length; i++) bytes[i] = (byte)random.Next(256);
                    break;
                default:
                    // Another number where the file has one: one more, one less, or far too much.
                    if (at + 4 <= bytes.Count)
                        for (int i = 0, value = random.Next(3) - 1 + bytes[at] + (random.Next(4) == 0 ? int.MaxValue : 0); i < 4; i++) bytes[at + i] = (byte)(value >> 8 * i);
                    break;
            }
        }
        return [.. bytes];
    }
}
