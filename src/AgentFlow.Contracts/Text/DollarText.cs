using System.Globalization;

namespace AgentFlow.Contracts.Text;

/// <summary>Amounts of money as messages show them.</summary>
public static class DollarText
{
    /// <returns>For example <c>$0.05</c>: as many digits as it takes, up to nine decimals.</returns>
    public static string Of(long nanoDollars) => $"${(nanoDollars / 1e9).ToString("0.#########", CultureInfo.InvariantCulture)}";
}
