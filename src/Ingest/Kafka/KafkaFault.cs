using Confluent.Kafka;

namespace DriftWatch.Ingest.Kafka;

/// <summary>Which errors of a producer pass by themselves.</summary>
public static class KafkaFault
{
    private static readonly HashSet<ErrorCode> permanent =
    [
        ErrorCode.MsgSizeTooLarge, ErrorCode.InvalidMsg, ErrorCode.InvalidRecord, ErrorCode.TopicException, ErrorCode.UnsupportedForMessageFormat, ErrorCode.PolicyViolation,
        ErrorCode.TopicAuthorizationFailed, ErrorCode.ClusterAuthorizationFailed, ErrorCode.SaslAuthenticationFailed, ErrorCode.Local_Authentication,
    ];

    /// <summary>A broker that is away, a topic that is not made yet. A producer that failed fatally never works again, and a restart makes a new one.</summary>
    public static bool IsTransient(Exception error) => error is KafkaException { Error: { IsFatal: false } kafka } && !permanent.Contains(kafka.Code);
}
