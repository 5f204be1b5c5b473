using System.Runtime.InteropServices;

namespace DriftWatch.Analysis.Encoding;

/// <summary>Copies to a device that run beside its work.</summary>
internal interface IUploads
{
    /// <summary>Begins a copy. Until it is there, what it reads must stay and what it writes must not be used.</summary>
    void Begin(nint from, nint to, long bytes);

    /// <summary>What the device is given from now on begins when all copies are there. Does not wait itself.</summary>
    void Await();
}

/// <summary>On a CUDA stream of their own: TorchSharp has only the one that everything else is on, so the driver is asked for a second. Only the production profile has this file.</summary>
/// <remarks>
/// Functions of CUDA's driver API. They are in <c>libcuda.so.1</c>, which comes with every driver.
/// libtorch's stream is the legacy default one (0), and the context is the device's primary one, which libtorch works in too.
/// </remarks>
internal sealed unsafe partial class CudaUploads : SafeHandle, IUploads
{
    private const string Driver = "libcuda.so.1";
    private const uint NonBlocking = 1, DisableTiming = 2;

    private readonly int device;
    private readonly nint context, arrived;

    /// <exception cref="CudaException">The driver says why not.</exception>
    public CudaUploads() : base(0, ownsHandle: true)
    {
        Check(Init(0));
        Check(GetDevice(out device, 0));
        Check(RetainPrimaryContext(out context, device));
        Check(SetContext(context));
        Check(CreateStream(out var stream, NonBlocking));
        SetHandle(stream);
        Check(CreateEvent(out arrived, DisableTiming));
    }

    public override bool IsInvalid => handle == 0;

    public void Begin(nint from, nint to, long bytes)
    {
        // A context belongs to a thread, and another may encode than the last time.
        Check(SetContext(context));
        Check(CopyToDevice(to, from, (nuint)bytes, handle));
    }

    public void Await()
    {
        Check(SetContext(context));
        Check(Record(arrived, handle));
        Check(Wait(0, arrived, 0));
    }

    /// <summary>When what was begun is done: its memory will be given back.</summary>
    protected override bool ReleaseHandle() =>
        SetContext(context) == 0 & Synchronize(handle) == 0 & (arrived == 0 || DestroyEvent(arrived) == 0) & DestroyStream(handle) == 0 & ReleasePrimaryContext(device) == 0;

    private static void Check(int result)
    {
        if (result == 0) return;
        var text = ErrorString(result, out var at) == 0 ? Marshal.PtrToStringUTF8(at) : null;
        throw new CudaException($"CUDA error {result}: {text ?? "unknown to the driver"}", result);
    }

    [LibraryImport(Driver, EntryPoint = "cuGetErrorString")]
    private static partial int ErrorString(int error, out nint text);

    [LibraryImport(Driver, EntryPoint = "cuInit")]
    private static partial int Init(uint flags);

    [LibraryImport(Driver, EntryPoint = "cuDeviceGet")]
    private static partial int GetDevice(out int device, int ordinal);

    [LibraryImport(Driver, EntryPoint = "cuDevicePrimaryCtxRetain")]
    private static partial int RetainPrimaryContext(out nint context, int device);

    [LibraryImport(Driver, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    private static partial int ReleasePrimaryContext(int device);

    [LibraryImport(Driver, EntryPoint = "cuCtxSetCurrent")]
    private static partial int SetContext(nint context);

    [LibraryImport(Driver, EntryPoint = "cuStreamCreate")]
    private static partial int CreateStream(out nint stream, uint flags);

    [LibraryImport(Driver, EntryPoint = "cuStreamWaitEvent")]
    private static partial int Wait(nint stream, nint @event, uint flags);

    [LibraryImport(Driver, EntryPoint = "cuStreamSynchronize")]
    private static partial int Synchronize(nint stream);

    [LibraryImport(Driver, EntryPoint = "cuStreamDestroy_v2")]
    private static partial int DestroyStream(nint stream);

    [LibraryImport(Driver, EntryPoint = "cuEventCreate")]
    private static partial int CreateEvent(out nint @event, uint flags);

    [LibraryImport(Driver, EntryPoint = "cuEventRecord")]
    private static partial int Record(nint @event, nint stream);

    [LibraryImport(Driver, EntryPoint = "cuEventDestroy_v2")]
    private static partial int DestroyEvent(nint @event);

    [LibraryImport(Driver, EntryPoint = "cuMemcpyHtoDAsync_v2")]
    private static partial int CopyToDevice(nint to, nint from, nuint bytes, nint stream);
}

/// <summary>What the driver said; of the kind that TorchSharp throws, so that what is done about it stands in one place.</summary>
internal sealed class CudaException(string message, int error) : ExternalException(message, error);
