using System.Globalization;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Models.Providers;

/// <summary>
/// The one place where HTTP becomes an outcome: every provider's client sends through it, so that a status means the same for all.
/// Answers are read whole, up to a limit, before a client sees them; a connection that breaks half-way is therefore never a parse error.
/// </summary>
/// <param name="hasKey">False where no key may be sent; clients find keys in places of their own (the Anthropic package in ANTHROPIC_AUTH_TOKEN).</param>
internal sealed class ProviderHandler(ProviderProfile provider, bool hasKey, TimeSpan timeout, TimeProvider time, HttpMessageHandler inner)
    : DelegatingHandler(inner)
{
    private const long MaxAnswerBytes = 16 * 1024 * 1024;
    private const int MaxQuoted = 300;
    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromHours(1);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (!hasKey)
        {
            request.Headers.Authorization = null;
            request.Headers.Remove("x-api-key");
        }

        using var timer = new CancellationTokenSource(timeout, time);
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timer.Token);
        HttpResponseMessage? response = null;
        try
        {
            response = await base.SendAsync(request, limited.Token).ConfigureAwait(false);
            await response.Content.LoadIntoBufferAsync(MaxAnswerBytes, limited.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            response?.Dispose();
            throw ModelException.Unavailable(provider.Name, $"did not answer within {timeout.TotalSeconds:0} s", e);
        }
        catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
        {
            response?.Dispose();
            throw ModelException.AnswerInvalid(provider.Name, $"is larger than {MaxAnswerBytes / 1024 / 1024} MiB", e);
        }
        catch (HttpRequestException e)
        {
            response?.Dispose();
            throw ModelException.Unavailable(provider.Name, $"could not be reached at {request.RequestUri?.GetLeftPart(UriPartial.Authority)} ({Reason(e)})", e);
        }

        if (response.IsSuccessStatusCode)
            return response;
        using (response)
            throw await FailureAsync(response, cancellationToken).ConfigureAwait(false);
    }

    private async Task<ModelException> FailureAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        int status = (int)response.StatusCode;
        TimeSpan? wait = RetryAfter(response);
        if (status is 401 or 403)
        {
            // The provider's own words are left out: some repeat a part of the key.
            string remedy = provider.KeyVariable.Length > 0 ? $" Set {provider.KeyVariable} to a valid key that may use this model." : "";
            return new ModelException(new StepError(
                ModelErrorCodes.PermissionDenied, ErrorCategory.Permission, $"The model provider '{provider.Name}' denied access ({status}).{remedy}"));
        }

        string said = Quote(await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false));
        return status switch
        {
            429 => new ModelException(new StepError(
                ModelErrorCodes.RateLimited, ErrorCategory.Transient, $"The model provider '{provider.Name}' limits the rate of requests{said}.", wait)),
            408 or 409 or >= 500 => ModelException.Unavailable(provider.Name, $"failed with status {status}{said}", retryAfter: wait),
            404 => new ModelException(new StepError(
                ModelErrorCodes.NotFound,
                ErrorCategory.Validation,
                $"The model provider '{provider.Name}' has no such model or address{said}. Check model.model and the base URL.")),
            >= 300 and < 400 => new ModelException(new StepError(
                ModelErrorCodes.RequestRejected,
                ErrorCategory.Validation,
                $"The model provider '{provider.Name}' redirects to {response.Headers.Location}, which is not followed. Set the base URL to the final address.")),
            _ => new ModelException(new StepError(
                ModelErrorCodes.RequestRejected, ErrorCategory.Validation, $"The model provider '{provider.Name}' rejected the request ({status}){said}.")),
        };
    }

    private TimeSpan? RetryAfter(HttpResponseMessage response)
    {
        TimeSpan? wait = null;
        if (response.Headers.TryGetValues("retry-after-ms", out var milliseconds) &&
            double.TryParse(milliseconds.First(), NumberStyles.Float, CultureInfo.InvariantCulture, out double exact) && exact is >= 0 and < 1e9)
            wait = TimeSpan.FromMilliseconds(exact);
        else if (response.Headers.RetryAfter is { } header)
            wait = header.Delta ?? header.Date - time.GetUtcNow();
        return wait is not { } value ? null : value < TimeSpan.Zero ? TimeSpan.Zero : value > MaxRetryAfter ? MaxRetryAfter : value;
    }

    /// <summary>The message in an error body (<c>{"error": {"message": …}}</c> or <c>{"error": "…"}</c>), shortened, on one line.</summary>
    private static string Quote(byte[] body)
    {
        string? message = null;
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("error", out var error))
            {
                message = error.ValueKind == JsonValueKind.String ? error.GetString()
                    : error.ValueKind == JsonValueKind.Object && error.TryGetProperty("message", out var inner) ? inner.ToString()
                    : null;
            }
        }
        catch (JsonException)
        {
            // Gateways answer in HTML or plain text: the status alone says enough.
        }

        if (string.IsNullOrWhiteSpace(message))
            return "";
        message = string.Join(' ', message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).TrimEnd('.');
        return ": " + (message.Length > MaxQuoted ? message[..MaxQuoted] + "…" : message);
    }

    private static string Reason(HttpRequestException e) => e.HttpRequestError switch
    {
        HttpRequestError.NameResolutionError => "the name is unknown",
        HttpRequestError.ConnectionError => "the connection was refused or lost",
        HttpRequestError.SecureConnectionError => "no secure connection",
        HttpRequestError.ResponseEnded => "the answer broke off",
        _ => "the connection broke",
    };
}
