namespace DriftWatch.Alerts.Tests;

public sealed class EventIdTests
{
    [Fact]
    public void The_same_name_gives_the_same_id_for_ever() =>
        Assert.Equal((Guid.Parse("2c26b46b-68ff-868f-b99b-453c1d304134"), "2c26b46b68ff"), (EventId.From("foo"), EventId.Short("foo")));

    [Fact]
    public void Ids_say_that_they_are_of_version_8() => Assert.All(Enumerable.Range(0, 100), i =>
    {
        var text = EventId.From($"{i}").ToString();
        Assert.Equal('8', text[14]);
        Assert.Contains(text[19], "89ab");
    });
}
