using AgentFlow.Benchmarks.Floors;

namespace AgentFlow.Benchmarks.Stores;

/// <summary>A kind of store: where the product's own stores and the bare ones beside them come from.</summary>
internal interface IStorage : IAsyncDisposable
{
    string Name { get; }

    /// <summary>An empty place, removed when it is disposed.</summary>
    Task<IPlace> CreateAsync();

    /// <summary>The same kind of disk without the product in between.</summary>
    /// <param name="callers">How many write at once.</param>
    Task<Floor> OpenFloorAsync(int callers);

    /// <summary>Processor time that the server has taken; zero where the store lives in this process.</summary>
    TimeSpan ProcessorTime();
}

/// <summary>Where one measurement keeps its runs.</summary>
internal interface IPlace : IAsyncDisposable
{
    /// <summary>As <c>AF_DB_DSN</c> has it.</summary>
    string Address { get; }

    /// <summary>Bytes that tables and indexes take, without the log that is written over again and again.</summary>
    Task<long> BytesAsync();
}
