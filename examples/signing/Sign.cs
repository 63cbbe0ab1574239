// The signature in C#, for .NET and for Mono (docs/protocol.md, section 2). `Sign < lines` checks it: one vector in a
// line, as timestamp, client id, secret, message and signature, with a tab between two of them.
using System;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;

public static class Signature
{
    /// <summary>`message` is the exact bytes of the body; of a GET, its path and query.</summary>
    public static string Sign(string secret, string clientId, long timestampMs, byte[] message)
    {
        byte[] payload = Encoding.UTF8.GetBytes(timestampMs + "." + clientId + ".").Concat(message).ToArray();
        string encoded = Convert.ToBase64String(payload).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        using (var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(secret)))
            return BitConverter.ToString(hmac.ComputeHash(Encoding.UTF8.GetBytes(encoded))).Replace("-", "").ToLowerInvariant();
    }

    /// <summary>The last three are what came in the headers.</summary>
    public static bool Verify(string secret, string clientId, byte[] message, long nowMs,
        string timestamp, string sentId, string signature)
    {
        long sent;
        if (!long.TryParse(timestamp, out sent) || sent.ToString() != timestamp) return false; // one spelling only
        string right = Sign(secret, clientId, sent, message);
        // In constant time. On .NET, CryptographicOperations.FixedTimeEquals does the same; Mono does not have it.
        int differ = right.Length ^ signature.Length;
        for (int i = 0; i < right.Length && i < signature.Length; i++) differ |= right[i] ^ signature[i];
        return differ == 0 && sentId == clientId && nowMs - sent >= -60000 && nowMs - sent <= 300000;
    }

    public static int Main()
    {
        var lines = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
        for (string line = lines.ReadLine(); line != null; line = lines.ReadLine())
        {
            string[] v = line.Split('\t');
            byte[] message = Encoding.UTF8.GetBytes(v[3]), changed = Encoding.UTF8.GetBytes(v[3] + " ");
            long sent = long.Parse(v[0]);
            bool ok = Sign(v[2], v[1], sent, message) == v[4]
                && Verify(v[2], v[1], message, sent + 299000, v[0], v[1], v[4])
                && !Verify(v[2], v[1], changed, sent, v[0], v[1], v[4])
                && !Verify(v[2], v[1], message, sent + 301000, v[0], v[1], v[4]);
            Console.WriteLine((ok ? "ok " : "WRONG ") + v[4]);
            if (!ok) return 1;
        }
        return 0;
    }
}
