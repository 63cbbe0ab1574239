// The signature in Java 17 (docs/protocol.md, section 2). `java Sign.java < lines` checks it: one vector in a line,
// as timestamp, client id, secret, message and signature, with a tab between two of them.
import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Scanner;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Sign {
    /** `message` is the exact bytes of the body; of a GET, its path and query. */
    static String sign(String secret, String clientId, long timestampMs, byte[] message) throws GeneralSecurityException {
        byte[] start = (timestampMs + "." + clientId + ".").getBytes(UTF_8);
        byte[] payload = new byte[start.length + message.length];
        System.arraycopy(start, 0, payload, 0, start.length);
        System.arraycopy(message, 0, payload, start.length, message.length);
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(secret.getBytes(UTF_8), "HmacSHA256"));
        return HexFormat.of().formatHex(mac.doFinal(Base64.getUrlEncoder().withoutPadding().encode(payload)));
    }

    /** The last three are what came in the headers. */
    static boolean verify(String secret, String clientId, byte[] message, long nowMs,
            String timestamp, String sentId, String signature) throws GeneralSecurityException {
        if (!timestamp.matches("[0-9]{1,15}")) return false;
        long age = nowMs - Long.parseLong(timestamp);
        String right = sign(secret, clientId, Long.parseLong(timestamp), message);
        boolean same = MessageDigest.isEqual(right.getBytes(UTF_8), signature.getBytes(UTF_8)); // in constant time
        return same && sentId.equals(clientId) && age >= -60_000 && age <= 300_000;
    }

    public static void main(String[] arguments) throws GeneralSecurityException {
        for (Scanner lines = new Scanner(System.in, UTF_8); lines.hasNextLine(); ) {
            String[] v = lines.nextLine().split("\t", -1);
            String id = v[1], secret = v[2], signature = v[4];
            byte[] message = v[3].getBytes(UTF_8), changed = (v[3] + " ").getBytes(UTF_8);
            long sent = Long.parseLong(v[0]);
            boolean ok = sign(secret, id, sent, message).equals(signature)
                && verify(secret, id, message, sent + 299_000, v[0], id, signature)
                && !verify(secret, id, changed, sent, v[0], id, signature)
                && !verify(secret, id, message, sent + 301_000, v[0], id, signature);
            System.out.println((ok ? "ok " : "WRONG ") + signature);
            if (!ok) System.exit(1);
        }
    }
}
