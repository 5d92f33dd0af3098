using System.Collections.Immutable;
using System.Threading.Channels;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Messaging.InProcess;

/// <summary>
/// Fans committed frames out to subscribers of this process. A subscriber that does not keep up is dropped and told so:
/// it never slows the engine or its neighbours, and can resume from the journal.
/// </summary>
public sealed class InProcessBus : IBus
{
    private ImmutableArray<Subscription> _subscriptions = [];

    public bool HasConsumers => !_subscriptions.IsEmpty;

    public void Publish(CommittedFrame frame)
    {
        foreach (Subscription subscription in _subscriptions)
        {
            subscription.Offer(frame);
        }
    }

    /// <param name="capacity">Frames that may wait for the subscriber before it is dropped.</param>
    /// <param name="filter">What it wants to see; called on the publisher's thread.</param>
    public Subscription Subscribe(int capacity, Func<CommittedFrame, bool> filter)
    {
        var subscription = new Subscription(this, capacity, filter);
        ImmutableInterlocked.Update(ref _subscriptions, static (all, added) => all.Add(added), subscription);
        return subscription;
    }

    private void Remove(Subscription subscription) => ImmutableInterlocked.Update(ref _subscriptions, static (all, removed) => all.Remove(removed), subscription);

    /// <summary>One subscriber's view of the bus; dispose it to leave.</summary>
    public sealed class Subscription : IDisposable
    {
        private readonly InProcessBus _bus;
        private readonly Func<CommittedFrame, bool> _filter;
        private readonly Channel<CommittedFrame> _channel;

        internal Subscription(InProcessBus bus, int capacity, Func<CommittedFrame, bool> filter)
        {
            _bus = bus;
            _filter = filter;
            _channel = Channel.CreateBounded<CommittedFrame>(new BoundedChannelOptions(capacity) { SingleReader = true });
        }

        /// <summary>Frames in commit order; completes with <see cref="SlowConsumerException"/> when the subscriber was dropped.</summary>
        public ChannelReader<CommittedFrame> Frames => _channel.Reader;

        public void Dispose()
        {
            _bus.Remove(this);
            _channel.Writer.TryComplete();
        }

        internal void Offer(CommittedFrame frame)
        {
            if (_filter(frame) && !_channel.Writer.TryWrite(frame))
            {
                _bus.Remove(this);
                _channel.Writer.TryComplete(new SlowConsumerException());
            }
        }
    }
}

/// <summary>The subscriber did not read fast enough and was dropped; resume from the last sequence that it saw.</summary>
public sealed class SlowConsumerException() : Exception("The consumer did not keep up and was dropped; resume from the last sequence seen.");
