using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AgentFlow.Server.Features.StressTests.Simulation;

/// <summary>Chances that depend on nothing but what they are about: the same on every machine, in every order, after every crash.</summary>
internal static class Odds
{
    /// <summary>A number from 0 (inclusive) to 1, for one question about one task.</summary>
    public static double Of(long seed, string workflow, string task, string question, int number)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{seed}\n{workflow}\n{task}\n{question}\n{number}")), hash);
        return (BinaryPrimitives.ReadUInt64BigEndian(hash) >> 11) * (1.0 / (1UL << 53));
    }
}
