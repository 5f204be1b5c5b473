using TorchSharp;

namespace DriftWatch.Analysis.Tests.Encoding;

/// <summary>A GPU where there is one, else libtorch's processor device: the same steps, in the same file.</summary>
internal static class SomeTorchDevice
{
    public static DeviceType Type { get; } = torch.cuda.is_available() ? DeviceType.CUDA : DeviceType.CPU;
}
