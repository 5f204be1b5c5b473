using DriftWatch.Analysis.Encoding.Formats;

namespace DriftWatch.Analysis.Tests.Encoding.Formats;

public sealed class Crc32Tests
{
    [Fact]
    public void The_check_value_of_the_standard_is_met()
    {
        var crc = new Crc32();
        crc.Append("123456789"u8);

        Assert.Equal(0xCBF43926, crc.Value);
    }

    [Fact]
    public void Products_and_tables_and_single_bits_agree_however_the_bytes_are_cut()
    {
        var random = new Random(11);
        for (var length = 0; length < 700; length++)
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            var crc = new Crc32();
            var cut = random.Next(length + 1);
            crc.Append(bytes.AsSpan(0, cut));
            crc.Append(bytes.AsSpan(cut));

            Assert.Equal(~Bitwise(bytes), crc.Value);
            Assert.Equal(~Bitwise(bytes), ~Crc32.FromTables(uint.MaxValue, bytes));
        }

        static uint Bitwise(byte[] bytes)
        {
            var crc = uint.MaxValue;
            foreach (var b in bytes)
            {
                crc ^= b;
                for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? 0xEDB88320 ^ crc >> 1 : crc >> 1;
            }
            return crc;
        }
    }
}
