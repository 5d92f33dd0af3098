using System.Collections.Concurrent;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Local;
using Anthropic;
using Microsoft.Extensions.AI;

namespace AgentFlow.Models.Providers;

/// <summary>
/// The chat clients of this host, one for each provider and address, made at first use. None of them retries: the engine does, under
/// the workflow's policy and budget. Safe for concurrent use; disposing ends the connections.
/// </summary>
public sealed class ModelProviders : IDisposable
{
    private const int MaxClients = 256;

    private readonly ConcurrentDictionary<(string Provider, string BaseUrl), Lazy<IChatClient>> _clients = new();
    private readonly HttpMessageHandler _connections;
    private readonly TimeProvider _time;

    /// <param name="connections">Carries the requests, and is disposed with this. Default: connections of the host.</param>
    public ModelProviders(ModelOptions options, TimeProvider? time = null, HttpMessageHandler? connections = null)
    {
        Options = options;
        _time = time ?? TimeProvider.System;
        _connections = connections ?? new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            UseCookies = false,
        };
    }

    public ModelOptions Options { get; }

    /// <summary>Names of all providers that this product knows.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. ProviderProfile.All.Select(p => p.Name)];

    public void Dispose()
    {
        foreach (var client in _clients.Values)
        {
            if (client.IsValueCreated)
                client.Value.Dispose();
        }

        _connections.Dispose();
    }

    /// <summary>The first provider in the order of <see cref="ModelOptions.Backends"/>, or of those with an account; <c>local</c> is always there.</summary>
    internal ProviderProfile Route()
    {
        if (Options.Backends.Count > 0)
            return Profile(Options.Backends[0]);
        return ProviderProfile.All.First(p => p.Wire == WireFormat.Local || Options.Account(p.Name) is { ApiKey: not null } or { BaseUrl: not null });
    }

    /// <exception cref="ModelException">There is no such provider, or this host doesn't allow it.</exception>
    internal ProviderProfile Profile(string name)
    {
        if (ProviderProfile.Find(name) is not { } profile)
        {
            throw new ModelException(new StepError(
                ModelErrorCodes.ProviderUnknown, ErrorCategory.Validation, $"There is no model provider '{name}'. {Spelling.OneOf(name, Names)}"));
        }

        return Options.Backends.Count == 0 || Options.Backends.Contains(name, StringComparer.Ordinal)
            ? profile
            : throw new ModelException(new StepError(
                ModelErrorCodes.PermissionDenied,
                ErrorCategory.Permission,
                $"This host doesn't use the model provider '{name}'. Add it to AF_MODEL_BACKENDS, or choose one of: {string.Join(", ", Options.Backends)}."));
    }

    /// <summary>The address that calls go to: the agent's own, else the host's, else the vendor's; <see langword="null"/> for <c>local</c>.</summary>
    /// <exception cref="ModelException">There is none, or the residency policy forbids it.</exception>
    internal Uri? BaseUrl(ProviderProfile provider, Uri? ofAgent)
    {
        if (provider.Wire == WireFormat.Local)
            return null;
        Uri? address = ofAgent ?? Options.Account(provider.Name).BaseUrl ?? (provider.DefaultBaseUrl is { } own ? new Uri(own) : null);
        if (address is null)
        {
            throw new ModelException(new StepError(
                ModelErrorCodes.RequestRejected,
                ErrorCategory.Validation,
                $"The model provider '{provider.Name}' has no address. Set {provider.BaseUrlVariable}, or model.base_url of the agent."));
        }

        if (Options.Residency == Residency.Strict && !IsOnPremises(address))
        {
            throw new ModelException(new StepError(
                ModelErrorCodes.ResidencyViolation,
                ErrorCategory.Permission,
                $"AF_RESIDENCY_POLICY=strict forbids a call to '{address.Host}' (provider '{provider.Name}'). Use local, ollama, vllm or tgi on your own " +
                "machines, or name the host in AF_RESIDENCY_HOSTS if it is on your premises."));
        }

        return address;
    }

    internal bool IsOnPremises(Uri address) => BaseAddress.IsOnPremises(address, Options.OnPremisesHosts);

    /// <summary>The client for a provider at an address that <see cref="BaseUrl"/> gave.</summary>
    /// <exception cref="ModelException">The provider's key is missing.</exception>
    internal IChatClient Client(ProviderProfile provider, Uri? baseUrl)
    {
        // Workflows name addresses as they like. A dropped client is still good for the calls that have it: the connections are shared.
        if (_clients.Count > MaxClients)
            _clients.Clear();
        return _clients.GetOrAdd(
            (provider.Name, baseUrl?.AbsoluteUri ?? ""), _ => new Lazy<IChatClient>(() => Create(provider, baseUrl), LazyThreadSafetyMode.PublicationOnly)).Value;
    }

    private IChatClient Create(ProviderProfile provider, Uri? baseUrl)
    {
        if (baseUrl is null)
            return new LocalChatClient();
        string? key = Key(provider, baseUrl);
        var http = new HttpClient(new ProviderHandler(provider, key is not null, Options.RequestTimeout, _time, _connections), disposeHandler: false)
        {
            // The handler keeps the time; HttpClient's own limit would hide as a cancellation.
            Timeout = Timeout.InfiniteTimeSpan,
        };
        return provider.Wire switch
        {
            WireFormat.OpenAi => new OpenAiChatClient(provider.Name, baseUrl, key, http),
            WireFormat.Ollama => new OllamaChatClient(provider.Name, baseUrl, key, http),
            _ => new AnthropicClient
            {
                ApiKey = key,
                BaseUrl = baseUrl.AbsoluteUri.TrimEnd('/'),
                HttpClient = http,
                MaxRetries = 0,
                Timeout = Options.RequestTimeout + TimeSpan.FromMinutes(1),
                // ModelInvoker's span describes the call already, with the same names.
                OpenTelemetry = false,
            }.AsIChatClient(),
        };
    }

    /// <summary>The key, if the address is one that the key was issued for: a workflow must not be able to send it anywhere it likes.</summary>
    private string? Key(ProviderProfile provider, Uri baseUrl)
    {
        var account = Options.Account(provider.Name);
        bool isVendor = provider.DefaultBaseUrl is { } own && SameOrigin(baseUrl, new Uri(own));
        bool isConfigured = account.BaseUrl is { } configured ? SameOrigin(baseUrl, configured) : isVendor;
        string? key = isConfigured ? account.ApiKey : null;
        if (key is null && isVendor && provider.IsPaid)
        {
            throw new ModelException(new StepError(
                ModelErrorCodes.PermissionDenied,
                ErrorCategory.Permission,
                $"The model provider '{provider.Name}' needs a key. Set {provider.KeyVariable} for the server, or use the provider 'local', which needs none."));
        }

        return key;
    }

    private static bool SameOrigin(Uri a, Uri b) => a.Scheme == b.Scheme && a.IdnHost == b.IdnHost && a.Port == b.Port;
}
