namespace DriftWatch.Daemon.Tests.Simulation;

/// <summary>What a seed has in store. Each kind of trouble is there or not, so that seeds differ in kind and not only in luck.</summary>
internal sealed class Fate
{
    private readonly Random random;
    private readonly double crash, fails, failsAfter, unanswered, slow, repeats, ackLost;
    private readonly int crashAt = -1;
    private int crashesLeft, troublesLeft;

    private Fate(int seed, int? crashAt)
    {
        random = new(seed);
        if (crashAt is { } at)
        {
            (this.crashAt, crashesLeft, Daemons) = (at, 1, 1);
            return;
        }
        Daemons = 1 + random.Next(3);
        crash = Chance(0.6, 0.002, 0.01, 0.04);
        fails = Chance(0.5, 0.01, 0.1);
        failsAfter = Chance(0.5, 0.01, 0.1);
        unanswered = Chance(0.4, 0.01, 0.03);
        slow = Chance(0.4, 0.01, 0.03);
        repeats = Chance(0.5, 0.02, 0.2);
        ackLost = Chance(0.5, 0.1, 0.9);
        crashesLeft = random.Next(16);
        troublesLeft = 40;
        StoreOutages = random.Next(3);
        LetterOutages = random.Next(3);
        Zombies = Daemons > 1 ? random.Next(4) : 0;
        Rescales = Daemons > 1 ? random.Next(4) : 0;
    }

    public static readonly TimeSpan SlowestThere = TimeSpan.FromSeconds(70);

    public static Fate Of(int seed) => new(seed, null);

    /// <summary>One daemon, and nothing happens to it.</summary>
    public static Fate Undisturbed() => Of(crashAt: int.MaxValue, seed: 0);

    /// <summary>One daemon that dies once, at its n-th await.</summary>
    public static Fate Of(int crashAt, int seed) => new(seed, crashAt);

    public int Daemons { get; }
    public int StoreOutages { get; }
    public int LetterOutages { get; }
    public int Zombies { get; }
    public int Rescales { get; }

    /// <summary>Nothing but rebalances and lateness can make two of one mind here.</summary>
    public bool NeverTwoOwners => Daemons == 1 && crash == 0 && crashAt < 0;

    /// <summary>How often a daemon came to a place where it could have died.</summary>
    public int Awaits { get; private set; }
    public int Crashes { get; private set; }
    public int Troubles { get; private set; }

    public int Next(int below) => random.Next(below);

    public double Jitter() => random.NextDouble();

    public bool OneIn(int n) => random.Next(n) == 0;

    public TimeSpan Between(double least, double most) => TimeSpan.FromSeconds(least + (most - least) * random.NextDouble());

    /// <summary>Does the daemon die here?</summary>
    public bool Crash()
    {
        Awaits++;
        if (crashesLeft == 0 || !(crashAt >= 0 ? Awaits > crashAt : crash > 0 && random.NextDouble() < crash)) return false;
        crashesLeft--;
        Crashes++;
        return true;
    }

    /// <summary>How one question to the outside fares.</summary>
    public Course Course()
    {
        // Enough is enough: in the end everything is to come to rest.
        var troubled = troublesLeft > 0;
        var course = new Course(
            troubled && random.NextDouble() < fails,
            troubled && random.NextDouble() < failsAfter,
            troubled && random.NextDouble() < unanswered,
            troubled && random.NextDouble() < slow ? Between(5, SlowestThere.TotalSeconds) : Between(0.0005, 0.01),
            Between(0.0005, 0.01));
        if (course.Fails || course.FailsAfter || course.Unanswered || course.There.TotalSeconds > 1)
        {
            troublesLeft--;
            Troubles++;
        }
        return course;
    }

    public bool Repeats() => repeats > 0 && random.NextDouble() < repeats;

    public bool AcknowledgementIsLost() => ackLost > 0 && random.NextDouble() < ackLost;

    private double Chance(double ofAny, params ReadOnlySpan<double> values) => random.NextDouble() < ofAny ? values[random.Next(values.Length)] : 0;
}

/// <param name="Fails">Before anything was done.</param>
/// <param name="FailsAfter">It was done, and the answer is an error.</param>
/// <param name="Unanswered">It was done, and nobody says so.</param>
/// <param name="There">The question's way: it takes effect behind that, whether the daemon still lives and waits or not.</param>
internal sealed record Course(bool Fails, bool FailsAfter, bool Unanswered, TimeSpan There, TimeSpan Back);
