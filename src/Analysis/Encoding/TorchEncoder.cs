using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace DriftWatch.Analysis.Encoding;

/// <summary>The kinds that <see cref="CpuEncoder"/> takes, on a GPU through libtorch. Only the production profile has this file, and only it names TorchSharp's types.</summary>
/// <remarks>
/// Rows are normalised on the processor into pinned memory; product, threshold (or topk) and compaction are done on the device, and what fired comes back.
/// While the device has a batch, the processor appends what fired in the one before and prepares the next in the other of two buffers, whose copy runs beside the product (<see cref="CudaUploads"/>).
/// A product's last bits depend on its shape, since that decides how it is divided. So all batches have one shape, and rows that are not there count in none: a row's bits do not depend on how many are beside it.
/// Whether they depend on its place among them, as they do with some kernels, is tried at the start.
/// Of equal values the lowest features are kept, which topk does not promise: it only says where the k-th is, and <see cref="RowHits"/> decides.
/// One caller at a time.
/// </remarks>
internal sealed class TorchEncoder : IEncoder, IDisposable
{
    /// <summary>Rows times features of a batch: 256 MiB a tensor, of which up to four live at once.</summary>
    private const int CellsMaximum = 1 << 26;

    /// <summary>So that rows which came together are more than one batch, and copies and products have something to overlap with.</summary>
    private const int RowsMaximum = 512;

    private static readonly long[] rowDim = [1], groupDim = [2];
    private static readonly Lazy<nint> addressOf = new(() => NativeLibrary.GetExport(NativeLibrary.Load("LibTorchSharp", typeof(torch).Assembly, null), "THSTensor_data"));

    private readonly Precision precision;
    private readonly Device device;
    private readonly ParallelOptions parallel;
    private readonly bool limited, gated;
    private readonly int groupSize;
    private readonly float[] divisorF;
    private readonly RowHits kept;

    private readonly Tensor weightsDL, biasL, cutF, zero;
    private readonly Tensor? gainHL, gateDL, gateBiasL;
    private readonly Tensor[] staged, inputs;
    private readonly IUploads? uploads;
    private readonly string? notBeside;
    private int batchRows;

    // What fired in the batch before, on this side.
    private Tensor cells, values;
    private int hits, hitRows;
    private int[] featuresOfRow = [];
    private float[] valuesOfRow = [];

    /// <exception cref="GpuException">The dictionary does not fit.</exception>
    public TorchEncoder(SparseAutoencoder sae, Precision precision, int threads) : this(sae, precision, threads, DeviceType.CUDA)
    {
    }

    /// <param name="deviceType">CPU for tests: the same steps in libtorch on the processor.</param>
    /// <param name="uploads">Null: on a GPU its own.</param>
    internal TorchEncoder(SparseAutoencoder sae, Precision precision, int threads, DeviceType deviceType, IUploads? uploads = null)
    {
        if (!CpuEncoder.Encodes(sae)) throw new ArgumentException($"{sae.Kind} has the reference encoder only; EncoderChoice chooses it", nameof(sae));
        Dictionary = sae;
        this.precision = precision;
        parallel = new() { MaxDegreeOfParallelism = threads };
        (limited, gated, groupSize) = (TopKEncoder.Encodes(sae), sae.Kind == AutoencoderKind.Gated, GroupMaxEncoder.GroupSize(sae));
        divisorF = sae.SelectByDecoderNorm && limited ? TopKEncoder.Gain(sae) : [];
        kept = new(limited ? sae.K : RowHits.Unlimited, groupSize);
        batchRows = Math.Clamp(CellsMaximum / sae.Features, 1, RowsMaximum);
        device = torch.device(deviceType, deviceType == DeviceType.CUDA ? 0 : -1);
        try
        {
            weightsDL = MovedWeights(sae.EncoderDF);
            if (sae.GluEncoderDF.Length > 0) (gateDL, gateBiasL) = (MovedWeights(sae.GluEncoderDF), Moved(sae.GluBiasF, sae.Latents));
            biasL = Moved(gated ? new float[sae.Latents] : sae.EncoderBiasF, sae.Latents);
            cutF = Moved(Cuts(sae), sae.Features);
            zero = Moved([0]);
            var gain = TopKEncoder.Gain(sae);
            gainHL = sae.Heads == 1 && Array.TrueForAll(gain, g => g == 1) ? null : Moved(gain, sae.Heads, sae.Latents);
            staged = [Pinned(ScalarType.Float32, batchRows, sae.Width), Pinned(ScalarType.Float32, batchRows, sae.Width)];
            inputs = [torch.zeros([batchRows, sae.Width], ScalarType.Float32, device), torch.zeros([batchRows, sae.Width], ScalarType.Float32, device)];
            (cells, values) = (Pinned(ScalarType.Int32, 1), Pinned(ScalarType.Float32, 1));
            RowsAreIndependent = PlacesAreAlike();
            this.uploads = uploads ?? (OnGpu ? UploadsOfGpu(out notBeside) : null);
        }
        catch (ExternalException error) when (IsOutOfMemory(error))
        {
            throw new GpuException($"the GPU has no room for the dictionary, {((sae.EncoderDF.LongLength + sae.GluEncoderDF.LongLength) * (precision == Precision.Bf16 ? 2 : 4)) >> 20} MiB. Free the GPU (nvidia-smi shows who uses it), give the daemon another (CUDA_VISIBLE_DEVICES), or use encoder: cpu", error);
        }
    }

    public SparseAutoencoder Dictionary { get; }
    public string Description => $"{Status.Device} ({precision.ToString().ToLowerInvariant()}, libtorch {torch.__version__}, {batchRows} rows at once{(RowsAreIndependent ? "" : "; each message by itself, since a product's last bits depend on a row's place here")}{(notBeside is null ? "" : $"; copies do not run beside products: {notBeside}")})";
    public int Threads => parallel.MaxDegreeOfParallelism;
    public bool RowsAreIndependent { get; }
    public EncoderStatus Status => new(OnGpu ? "cuda" : "libtorch", precision, BatchRows: batchRows);

    /// <summary>For tests: called with the rows of each batch before the device has it; may throw as the device would.</summary>
    internal Action<int>? Launching { get; set; }

    private bool OnGpu => device.type == DeviceType.CUDA;

    /// <summary>Why there is no GPU to encode on, and what to do; null: there is one.</summary>
    public static string? Problem()
    {
        // Asked before TorchSharp is: it would write a page to standard output.
        try
        {
            NativeLibrary.Load("LibTorchSharp", typeof(torch).Assembly, null);
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
        {
            return $"libtorch cannot be loaded ({error.Message.Split('\n')[0].Trim()}). Use the container image, or publish with PROFILE=production where TorchSharp-cuda-linux restores; else use encoder: cpu.";
        }
        if (torch.cuda.is_available()) return null;
        if (!NativeLibrary.TryLoad("libcuda.so.1", out _)) return "there is no NVIDIA driver (libcuda.so.1). Install it on the host and give the container the GPU (docker run --gpus all, or nvidia.com/gpu in Kubernetes), or use encoder: cpu.";
        if (!NativeLibrary.TryLoad("libtorch_cuda", typeof(torch).Assembly, null, out _)) return "this libtorch is built without CUDA. Use the package TorchSharp-cuda-linux and not TorchSharp-cpu, or use encoder: cpu.";
        return "the NVIDIA driver shows no GPU that libtorch can use. See that nvidia-smi lists one, that CUDA_VISIBLE_DEVICES does not hide it and that the driver is new enough for libtorch's CUDA, or use encoder: cpu.";
    }

    public void Encode(ReadOnlySpan<float> rowsBD, SparseCodes codes)
    {
        codes.Clear();
        (hits, hitRows) = (0, 0);
        var rows = rowsBD.Length / Dictionary.Width;
        var (first, turn) = (0, 0);
        var count = Stage(rowsBD, first, turn);
        while (first < rows)
        {
            try
            {
                using var scope = torch.NewDisposeScope();
                Launching?.Invoke(batchRows);
                var (valuesBF, firesBF) = Launch(turn, count);
                Append(codes);
                var next = Stage(rowsBD, first + count, 1 - turn);
                Collect(valuesBF, firesBF, count);
                (first, count, turn) = (first + count, next, 1 - turn);
            }
            catch (ExternalException error) when (IsOutOfMemory(error))
            {
                if (batchRows == 1) throw new GpuException($"the GPU has no memory left for one row of {Dictionary.Features} features. Free it (nvidia-smi shows who uses it) or use encoder: cpu", error);
                batchRows /= 2;
                // What it still reads and writes is staged again.
                Synchronize();
                count = Stage(rowsBD, first, turn);
            }
        }
        Append(codes);
    }

    public void Dispose()
    {
        (uploads as IDisposable)?.Dispose();
        foreach (var tensor in new[] { weightsDL, biasL, gateDL, gateBiasL, cutF, zero, gainHL, staged[0], staged[1], inputs[0], inputs[1], cells, values }) tensor?.Dispose();
    }

    /// <summary>Rows from <paramref name="first"/> on, normalised, as many as a batch takes; their copy to the device begins.</summary>
    private unsafe int Stage(ReadOnlySpan<float> rowsBD, int first, int turn)
    {
        var width = Dictionary.Width;
        var count = Math.Min(batchRows, rowsBD.Length / width - first);
        if (count <= 0) return 0;
        fixed (float* rows = rowsBD[(first * width)..], stage = Floats(staged[turn]))
        {
            var (from, to) = ((nint)rows, (nint)stage);
            Parallel.For(0, count, parallel, row =>
            {
                var rowD = new ReadOnlySpan<float>((float*)from + (long)row * width, width);
                var inputD = new Span<float>((float*)to + (long)row * width, width);
                RowNormalization.Of(rowD, Dictionary).Apply(rowD, Dictionary, inputD);
                Round(inputD);
            });
        }
        uploads?.Begin(Address(staged[turn]), Address(inputs[turn]), (long)count * width * sizeof(float));
        return count;
    }

    /// <summary>Queues the batch and does not wait: values of all features, and which of them fire (of equals at the k-th, all).</summary>
    private (Tensor ValuesBF, Tensor FiresBF) Launch(int turn, int rows)
    {
        var (features, latents, heads) = (Dictionary.Features, Dictionary.Latents, Dictionary.Heads);
        var batchBD = inputs[turn].narrow(0, 0, batchRows);
        if (uploads is null) batchBD.narrow(0, 0, rows).copy_(staged[turn].narrow(0, 0, rows), nonBlocking: true);
        uploads?.Await();
        var factorsBD = precision == Precision.Bf16 ? batchBD.to_type(ScalarType.BFloat16) : batchBD;
        var sumsBL = Sums(factorsBD, weightsDL, biasL);
        if (gateDL is not null) sumsBL.mul_(Sums(factorsBD, gateDL, gateBiasL!).sigmoid_());
        var valuesBF = gainHL is null ? sumsBL : sumsBL.view(batchRows, 1, latents).mul(gainHL).view(batchRows, features);
        if (!limited && groupSize == 0) return (valuesBF.narrow(0, 0, rows), valuesBF.narrow(0, 0, rows).gt(cutF));
        valuesBF = valuesBF.narrow(0, 0, rows);

        // fmax: what overflowed to NaN does not fire and hides nothing.
        var sizes = (Dictionary.Kind == AutoencoderKind.AbsTopK ? valuesBF.abs() : valuesBF).fmax(zero);
        var groups = groupSize > 0 ? sizes.view(rows, features / groupSize, groupSize) : sizes.view(rows, heads, latents);
        var fires = groups.gt(zero);
        if (groupSize > 0) fires.logical_and_(groups.ge(groups.amax(groupDim, keepdim: true)));
        else if (Dictionary.K < latents) fires.logical_and_(groups.ge(groups.topk(Dictionary.K, dim: 2, largest: true, sorted: false).values.amin(groupDim, keepdim: true)));
        return (valuesBF, fires.view(rows, features));
    }

    private Tensor Sums(Tensor factorsBD, Tensor weightsDL, Tensor biasL)
    {
        if (OnGpu) backends.cuda.matmul.allow_tf32 = precision == Precision.Tf32;
        return precision == Precision.Bf16 ? factorsBD.mm(weightsDL).to_type(ScalarType.Float32).add_(biasL) : biasL.addmm(factorsBD, weightsDL);
    }

    /// <summary>Has one row the same sums wherever it stands in a batch?</summary>
    private bool PlacesAreAlike()
    {
        using var scope = torch.NewDisposeScope();
        var rowD = Floats(staged[0])[..Dictionary.Width];
        for (var i = 0; i < rowD.Length; i++) rowD[i] = 1 / (i + 3f);   // Fractions, so that every addition rounds.
        Round(rowD);
        var batchBD = staged[0].narrow(0, 0, 1).to(device).expand(batchRows, Dictionary.Width).contiguous();
        var sumsBL = Sums(precision == Precision.Bf16 ? batchBD.to_type(ScalarType.BFloat16) : batchBD, weightsDL, biasL);
        return sumsBL.eq(sumsBL.narrow(0, 0, 1)).all().item<bool>();
    }

    /// <summary>Waits, and takes over what fired: the cell of [rows, F] and its value.</summary>
    private void Collect(Tensor valuesBF, Tensor firesBF, int rows)
    {
        var fired = firesBF.flatten().nonzero().flatten();
        var count = (int)fired.shape[0];
        Reserve(ref cells, ScalarType.Int32, count);
        Reserve(ref values, ScalarType.Float32, count);
        cells.narrow(0, 0, count).copy_(fired.to_type(ScalarType.Int32), nonBlocking: true);
        values.narrow(0, 0, count).copy_(valuesBF.flatten().index_select(0, fired), nonBlocking: true);
        Synchronize();
        (hits, hitRows) = (count, rows);
    }

    private void Append(SparseCodes codes)
    {
        var cell = MemoryMarshal.Cast<byte, int>(cells.bytes)[..hits];
        var value = Floats(values)[..hits];
        for (int row = 0, at = 0; row < hitRows; row++)
        {
            var (start, firstCell) = (at, row * Dictionary.Features);
            while (at < hits && cell[at] - firstCell < Dictionary.Features) at++;
            var count = Row(cell[start..at], firstCell, value[start..at]);
            codes.AddRow(featuresOfRow.AsSpan(0, count), valuesOfRow.AsSpan(0, count));
        }
        (hits, hitRows) = (0, 0);
    }

    private int Row(ReadOnlySpan<int> cell, int firstCell, ReadOnlySpan<float> value)
    {
        var (count, head) = (0, 0);
        for (var i = 0; i < cell.Length; i++)
        {
            var feature = cell[i] - firstCell;
            for (; feature / Dictionary.Latents > head; head++) count = kept.MoveTo(ref featuresOfRow, ref valuesOfRow, count);
            var taken = gated ? GatedEncoder.Magnitude(value[i], Dictionary, feature) : value[i];
            if (taken != 0) kept.Add(feature, taken);
        }
        count = kept.MoveTo(ref featuresOfRow, ref valuesOfRow, count);
        for (var i = 0; divisorF.Length > 0 && i < count; i++) valuesOfRow[i] /= divisorF[featuresOfRow[i]];
        return count;
    }

    /// <summary>What a value must be above to fire; for gates what the product must be above, which is exactly when product + b_gate is above 0.</summary>
    private static float[] Cuts(SparseAutoencoder sae) => sae switch
    {
        { Kind: AutoencoderKind.Gated } => [.. sae.EncoderBiasF.Select(bias => -bias)],
        // Below 0 a threshold decides nothing: ReLU does.
        { ThresholdF.Length: > 0 } => [.. sae.ThresholdF.Select(threshold => Math.Max(0, threshold))],
        _ => new float[sae.Features],
    };

    private void Synchronize()
    {
        if (OnGpu) torch.cuda.synchronize();
    }

    /// <summary>Null where the driver does not do it, or does it otherwise than it is relied on: then a batch is copied before its product.</summary>
    private CudaUploads? UploadsOfGpu(out string? problem)
    {
        // They are filled on the other stream.
        Synchronize();
        CudaUploads? made = null;
        try
        {
            made = new();
            var numbers = Floats(staged[1]);
            for (var i = 0; i < numbers.Length; i++) numbers[i] = i % 4093;
            made.Begin(Address(staged[1]), Address(inputs[1]), (long)numbers.Length * sizeof(float));
            made.Await();
            using var scope = torch.NewDisposeScope();
            problem = Floats(inputs[1].cpu()).SequenceEqual(numbers) ? null : "what was copied is not there";
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException or ExternalException)
        {
            problem = error.Message;
        }
        if (problem is null) return made;
        made?.Dispose();
        return null;
    }

    private Tensor MovedWeights(float[] weightsDL)
    {
        var there = torch.empty([Dictionary.Width, Dictionary.Latents], precision == Precision.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32, device);
        // In parts, so that there is no second copy of the whole and no span of more than 2 GiB.
        var partRows = Math.Clamp(CellsMaximum / Dictionary.Latents, 1, Dictionary.Width);
        using var part = torch.empty([partRows, Dictionary.Latents], ScalarType.Float32);
        for (var row = 0; row < Dictionary.Width; row += partRows)
        {
            using var scope = torch.NewDisposeScope();
            var count = Math.Min(partRows, Dictionary.Width - row);
            var floats = Floats(part)[..(count * Dictionary.Latents)];
            weightsDL.AsSpan(row * Dictionary.Latents, floats.Length).CopyTo(floats);
            Round(floats);
            there.narrow(0, row, count).copy_(part.narrow(0, 0, count));
        }
        return there;
    }

    private Tensor Moved(float[] numbers, params long[] shape)
    {
        using var here = torch.empty(shape, ScalarType.Float32);
        numbers.CopyTo(Floats(here));
        var there = torch.empty(shape, ScalarType.Float32, device);
        using var scope = torch.NewDisposeScope();
        there.copy_(here);
        return there;
    }

    /// <summary>Memory of this side that the device copies from and to by itself.</summary>
    private Tensor Pinned(ScalarType type, params long[] shape)
    {
        var plain = torch.empty(shape, type);
        if (!OnGpu) return plain;
        using (plain) return plain.pin_memory();
    }

    private void Reserve(ref Tensor host, ScalarType type, int count)
    {
        if (host.shape[0] >= count) return;
        var larger = Pinned(type, Math.Min(Math.Max(count, 2L * host.shape[0]), Math.Max(CellsMaximum, Dictionary.Features))).DetachFromDisposeScope();
        host.Dispose();
        host = larger;
    }

    /// <summary>libtorch has no TF32 on the processor: there factors are rounded as the GPU's tensor cores round them, so that tests see its numbers.</summary>
    private void Round(Span<float> numbers)
    {
        if (precision != Precision.Tf32 || OnGpu) return;
        foreach (ref var number in numbers)
            if (float.IsFinite(number)) number = BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(number) + 0x1000) & ~0x1FFFu);
    }

    /// <summary>Of the tensor's first number, where it is. TorchSharp knows it and does not say.</summary>
    private static unsafe nint Address(Tensor tensor) => ((delegate* unmanaged<nint, nint>)addressOf.Value)(tensor.Handle);

    private static Span<float> Floats(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);

    private static bool IsOutOfMemory(ExternalException error) => error.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase);
}
