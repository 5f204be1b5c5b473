using System.Diagnostics;
using DriftWatch.Analysis.Activations;
using DriftWatch.Analysis.Canonical;
using DriftWatch.Analysis.Canonical.Fidelity;
using DriftWatch.Analysis.Encoding;
using DriftWatch.Analysis.Encoding.Formats;
using DriftWatch.Analysis.Windows;
using DriftWatch.Ingest.Decoding;

namespace DriftWatch.Benchmarks.Detect;

/// <summary>Sequences of recorded message files, through the product's decoder, row selection and encoder; and through a random dictionary of the same shape.</summary>
internal static class TrafficPool
{
    private const int MessageBytesMaximum = 64 << 20;

    /// <param name="triggered">Null: there is none, and no sequence of it may be drawn.</param>
    /// <param name="withRandom">With a random dictionary beside the SAE.</param>
    public static (SequencePool Quiet, SequencePool Triggered) Read(string quiet, string? triggered, string sae, int sequencesMaximum, bool withRandom, int threads, long seed)
    {
        var dictionary = DictionaryReader.Read(new Folder(sae), new(null, null));
        var sample = new Reader(dictionary);
        sample.Read(Files(quiet)[0]);
        var l0 = sample.L0();
        SparseAutoencoder[] dictionaries = withRandom ? [dictionary, RandomDictionary.For(sample.Rows.RowsBD, dictionary.Width, dictionary.Features, l0, new(seed, 1))] : [dictionary];
        var calm = Read(quiet, sequencesMaximum, threads, dictionaries);
        return (calm, triggered is null ? calm : Read(triggered, sequencesMaximum, threads, dictionaries));
    }

    private static SequencePool Read(string folder, int sequencesMaximum, int threads, params SparseAutoencoder[] dictionaries)
    {
        var watch = Stopwatch.StartNew();
        var pool = new SequencePool(dictionaries[0].Width, [.. dictionaries.Select(dictionary => dictionary.Features)]);
        var reader = new Reader(dictionaries[0]);
        var encoders = dictionaries.Select(dictionary => new CpuEncoder(dictionary, threads)).ToArray();
        var reconstructions = dictionaries.Select(dictionary => new Reconstruction(dictionary)).ToArray();
        var codes = dictionaries.Select(_ => new SparseCodes()).ToArray();
        var errors = new double[dictionaries.Length][];
        foreach (var file in Files(folder))
        {
            if (pool.Count >= sequencesMaximum) break;
            reader.Read(file);
            var rows = reader.Rows;
            Parallel.For(0, dictionaries.Length, new() { MaxDegreeOfParallelism = threads }, i =>
            {
                encoders[i].Encode(rows.RowsBD, codes[i]);
                errors[i] = Errors(rows, codes[i], reconstructions[i], dictionaries[i]);
            });
            var firstOfMessage = pool.Count;
            foreach (var (first, count) in rows.Sequences)
            {
                var energy = 0.0;
                foreach (var rowEnergy in rows.EnergyB.Slice(first, count)) energy += rowEnergy;
                var encoded = new Encoded[dictionaries.Length];
                for (var i = 0; i < encoded.Length; i++)
                {
                    var error = 0.0;
                    foreach (var rowError in errors[i].AsSpan(first, count)) error += rowError;
                    encoded[i] = new(codes[i], first, error);
                }
                pool.Add(rows.RowsBD.Slice(first * rows.Width, count * rows.Width), energy, encoded);
            }
            if (pool.Count > firstOfMessage) pool.LeftOut(firstOfMessage, rows.NotFinite, rows.Zero, rows.Outliers);
        }
        Console.Error.WriteLine($"{folder}: {pool.Count} sequences, {pool.Rows} rows, L0 {string.Join(" and ", pool.Tables.Select(table => $"{table.Active / pool.Rows:0.0}"))}, {watch.Elapsed.TotalSeconds:0} s");
        return pool;
    }

    private static double[] Errors(RowSelection rows, SparseCodes codes, Reconstruction reconstruction, SparseAutoencoder sae)
    {
        var errors = new double[rows.Kept];
        var estimateD = new float[sae.Width];
        for (var row = 0; row < errors.Length; row++)
        {
            var rowD = rows.RowsBD.Slice(row * sae.Width, sae.Width);
            reconstruction.Decode(rowD, codes.FeaturesOf(row), codes.ValuesOf(row), estimateD);
            errors[row] = Energy.OfDifference(rowD, estimateD);
        }
        return errors;
    }

    private static string[] Files(string folder) => [.. Directory.GetFiles(folder, "*.safetensors").Order(StringComparer.Ordinal)];

    private sealed class Reader(SparseAutoencoder sae)
    {
        private readonly ActivationDecoder decoder = new((_, _) => sae.Width, MessageBytesMaximum);
        private readonly IdentityTransform transform = new(sae.Width);
        private readonly WindowOptions options = new();

        public RowSelection Rows { get; } = new();

        public void Read(string file) =>
            Rows.Select(decoder.Decode(File.ReadAllBytes(file), [], DateTimeOffset.UnixEpoch), transform, options.OutlierNorm, sae.Normalization == InputNormalization.ConstantNormRescale);

        public double L0()
        {
            var codes = new SparseCodes();
            new CpuEncoder(sae, 1).Encode(Rows.RowsBD, codes);
            return (double)codes.Count / codes.Rows;
        }
    }

    private sealed class Folder(string path) : IWeightFiles
    {
        public string Path => path;

        public IReadOnlyList<string> Names => [.. Directory.EnumerateFiles(path).Select(file => System.IO.Path.GetFileName(file))];

        public bool Has(string name) => File.Exists(System.IO.Path.Combine(path, name));

        public Stream Open(string name) => File.OpenRead(System.IO.Path.Combine(path, name));
    }
}
