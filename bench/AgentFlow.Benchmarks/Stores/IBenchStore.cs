using AgentFlow.Engine.Ports;

namespace AgentFlow.Benchmarks.Stores;

/// <summary>An empty store of its own for one measurement.</summary>
internal interface IBenchStore : IAsyncDisposable
{
    IRunStore Runs { get; }

    ICatalogue Catalogue { get; }

    /// <summary>Bytes that the tables and indexes take, without the log that is written over again and again.</summary>
    Task<long> BytesAsync();
}

/// <summary>A kind of store: where the product's own stores and the bare ones beside them come from.</summary>
internal interface IStorage : IAsyncDisposable
{
    string Name { get; }

    Task<IBenchStore> OpenAsync();

    /// <summary>Processor time that the server has taken; zero where the store lives in this process.</summary>
    TimeSpan ProcessorTime();

    /// <summary>The same kind of disk without the product in between.</summary>
    /// <param name="callers">How many write at once.</param>
    Task<Floors.Floor> OpenFloorAsync(int callers);
}
