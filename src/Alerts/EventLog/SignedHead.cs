using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using DriftWatch.Analysis.Activations;

namespace DriftWatch.Alerts.EventLog;

/// <summary>A <see cref="LogHead"/> with a signature, as JSON: to be kept or published where the log's keeper cannot change it.</summary>
/// <param name="Signature">ECDSA over SHA-256 of the head's text, DER (RFC 3279).</param>
public sealed record SignedHead(LogHead Head, byte[] Signature)
{
    private const int BytesMaximum = 64 << 10;

    /// <param name="pem">A private key of an elliptic curve, as <c>openssl ecparam -name prime256v1 -genkey</c> writes it.</param>
    /// <exception cref="MalformedException">It is no such key; reason <c>key</c>.</exception>
    public static SignedHead Sign(LogHead head, string pem) => new(head, Key(pem, "private").SignData(Text(head), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));

    /// <param name="pem">The public key, or the private one.</param>
    public bool IsSignedBy(string pem) => Key(pem, "public").VerifyData(Text(Head), Signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    public string ToJson() => JsonSerializer.Serialize(this, EventJson.Options);

    /// <exception cref="MalformedException">It is no signed head; reason <c>head</c>.</exception>
    public static SignedHead Read(byte[] json)
    {
        try
        {
            if (json.Length <= BytesMaximum && JsonSerializer.Deserialize<SignedHead>(json, EventJson.Options) is { Head.Hash: not null, Signature: not null } read) return read;
        }
        catch (JsonException)
        {
            // Said below.
        }
        throw new MalformedException("head", "this is no signed head. Use a file that 'driftwatch audit head' wrote.");
    }

    private static byte[] Text(LogHead head) => Encoding.UTF8.GetBytes($"driftwatch log head 1\n{head.Position}\n{head.Streams}\n{head.Hash}\n{EventChain.TimeText(head.Time)}\n");

    private static ECDsa Key(string pem, string which)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            return key;
        }
        catch (Exception error) when (error is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new MalformedException("key", $"the key is no {which} key of an elliptic curve in PEM. Make one with 'openssl ecparam -name prime256v1 -genkey -noout -out key.pem', its public half with 'openssl ec -in key.pem -pubout -out key.pub'.");
        }
    }
}
