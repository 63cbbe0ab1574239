// An example core in Java 17, standard library only: everything that docs/core.md asks of a core. Run: java Core.java
//
// It keeps its records in memory. A real core keeps them in its database, and makes each decision in one transaction
// there, where this one holds LOCK (examples/README.md).
//
// Java 17 reads a source file in the locale's encoding. Where that is not UTF-8: java -Dfile.encoding=UTF-8 Core.java

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Core {
    static final String CLIENT_ID = environment("CORE_CLIENT_ID", "sandbox-core");
    static final String SECRET = environment("CORE_SECRET", "sandbox-secret-between-core-and-functions");
    static final ZoneOffset VIETNAM = ZoneOffset.ofHours(7);
    static final long MINUTE_MS = 60_000, DAY_MS = 86_400_000, FOREVER = Long.MAX_VALUE;
    static final long OFFERED_AFTER_MS = DAY_MS; // a day's statement is there when the day is over
    static final int PAGE_SIZE = 100, MAX_BODY = 64 * 1024;
    static final long MAX_AMOUNT = (1L << 53) - 1;
    static final HttpClient CLIENT = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(3)).build();

    /** An answer is JSON (a map), a page (a text), or the address of a redirect. */
    record Answer(int status, Object content, String location) {
        Answer(int status, Object content) { this(status, content, null); }
    }

    record Payment(long amount, String status, Map<String, Object> result, CompletableFuture<Void> sent) {}

    record Refund(String transactionId, long amount, long at, String status, String reason) {}

    record Booking(String type, String id, String transactionId, long amount, long at) {}

    record Link(String transactionId, long amount, long expiresAt, String returnUrl) {}

    static final Object LOCK = new Object(); // whoever reads or changes these four holds it
    static final Map<String, Payment> PAYMENTS = new HashMap<>();
    static final Map<String, Long> OPENED = new HashMap<>(); // expires_at of each payment whose form was shown
    static final Map<String, Refund> REFUNDS = new HashMap<>();
    static final List<Booking> BOOKINGS = new ArrayList<>();

    static String environment(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    static long now() { return System.currentTimeMillis(); }

    static String rfc3339(long ms) {
        return DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ssxxx").format(Instant.ofEpochMilli(ms).atOffset(VIETNAM));
    }

    // The signature, in both directions --------------------------------------------------------------------------

    static byte[] utf8(String text) { return text.getBytes(StandardCharsets.UTF_8); }

    static String sign(String timestamp, byte[] message) {
        byte[] start = utf8(timestamp + "." + CLIENT_ID + ".");
        byte[] payload = new byte[start.length + message.length];
        System.arraycopy(start, 0, payload, 0, start.length);
        System.arraycopy(message, 0, payload, start.length, message.length);
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(utf8(SECRET), "HmacSHA256"));
            return HexFormat.of().formatHex(mac.doFinal(Base64.getUrlEncoder().withoutPadding().encode(payload)));
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException(error); // every Java has HmacSHA256
        }
    }

    /** `message` is exactly what came: the bytes of the body, or of a GET its path and query. */
    static boolean verify(byte[] message, String timestamp, String clientId, String signature, long maxAgeMs) {
        if (timestamp == null || signature == null || !timestamp.matches("[0-9]{1,15}")) return false;
        boolean same = MessageDigest.isEqual(utf8(sign(timestamp, message)), utf8(signature)); // in constant time
        long age = now() - Long.parseLong(timestamp);
        return same && CLIENT_ID.equals(clientId) && age >= -MINUTE_MS && age <= maxAgeMs;
    }

    record ApiAnswer(int status, Map<?, ?> json) {}

    /** Calls the backend. Each call is signed anew, with a new timestamp. The backend's address may come late. */
    static ApiAnswer callApi(String method, String path, String body) throws IOException, InterruptedException {
        String base = environment("API_URL", null);
        if (base == null) base = Files.readString(Path.of(System.getenv("API_URL_FILE"))).strip();
        String timestamp = String.valueOf(now());
        var request = HttpRequest.newBuilder(URI.create(base.replaceAll("/+$", "") + path))
            .timeout(Duration.ofSeconds(body == null ? 10 : 30)) // a customer waits for a GET
            .header("Content-Type", "application/json")
            .header("X-Partner-Timestamp", timestamp)
            .header("X-Partner-Client-Id", CLIENT_ID)
            .header("X-Partner-Signature", sign(timestamp, utf8(body == null ? path : body)))
            .method(method, body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body));
        var answer = CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofString());
        return new ApiAnswer(answer.statusCode(), object(answer.body()));
    }

    // What the backend calls -------------------------------------------------------------------------------------

    static boolean isText(Object value) { return value instanceof String text && !text.isEmpty() && text.length() <= 128; }

    static boolean isWhole(Object value, long least) {
        return value instanceof Long number && number >= least && number <= MAX_AMOUNT;
    }

    static Answer refund(String key, byte[] body) {
        Map<?, ?> fields;
        try {
            fields = object(new String(body, StandardCharsets.UTF_8));
        } catch (IllegalArgumentException error) {
            return problem(400, "the body is not a JSON object");
        }
        if (!isText(fields.get("refund_id")) || !isText(fields.get("transaction_id"))
            || !isWhole(fields.get("amount"), 1) || !isWhole(fields.get("refunded_so_far"), 0))
            return problem(400, "refund_id and transaction_id are texts, amount and refunded_so_far whole numbers");
        String id = (String) fields.get("refund_id"), transactionId = (String) fields.get("transaction_id");
        long amount = (Long) fields.get("amount"), soFar = (Long) fields.get("refunded_so_far"), now = now();
        if (!id.equals(key)) return problem(400, "Idempotency-Key must be the refund_id");
        synchronized (LOCK) {
            Refund known = REFUNDS.get(id);
            if (known != null) // the same refund once more: no second payment, and the first answer
                return known.transactionId.equals(transactionId) && known.amount == amount
                    ? refundAnswer(id, known)
                    : problem(409, "this refund_id belongs to another transaction or amount");
            long back = 0, backForLong = 0;
            for (Refund other : REFUNDS.values()) {
                if (!other.transactionId.equals(transactionId) || !other.status.equals("succeeded")) continue;
                back += other.amount;
                if (now - other.at > MINUTE_MS) backForLong += other.amount;
            }
            // The backend does not know of money that is back. No final answer, because the refund may be right.
            if (backForLong > soFar) return problem(409, "more is back than refunded_so_far says");
            Payment payment = PAYMENTS.get(transactionId);
            String reason = null;
            if (payment == null || !payment.status.equals("paid")) reason = "the transaction is not paid";
            else if (back + amount > payment.amount) reason = "more than is left of the payment";
            Refund created = new Refund(transactionId, amount, now, reason == null ? "succeeded" : "rejected", reason);
            REFUNDS.put(id, created);
            // A real core pays the money back here.
            if (reason == null) BOOKINGS.add(new Booking("refund", id, transactionId, amount, now));
            return refundAnswer(id, created);
        }
    }

    static Answer refundAnswer(String id, Refund known) {
        return new Answer(200, map("refund_id", id, "amount", known.amount, "status", known.status, "reason", known.reason));
    }

    static Answer findRefund(String id) {
        synchronized (LOCK) {
            Refund known = REFUNDS.get(id);
            return known != null ? refundAnswer(id, known) : new Answer(404, map("refund_id", id, "status", "never_seen"));
        }
    }

    static Answer findPayment(String id) {
        synchronized (LOCK) {
            Payment known = PAYMENTS.get(id);
            Long until = OPENED.get(id);
            if (known == null && until != null) // the customer may still pay, until it is too late
                return new Answer(200, map("transaction_id", id, "status", now() <= until ? "pending" : "not_paid"));
            if (known == null) return new Answer(404, map("transaction_id", id, "status", "never_seen"));
            Map<String, Object> found = new LinkedHashMap<>(known.result);
            found.putAll(map("status", known.status, "amount", known.amount));
            return new Answer(200, found);
        }
    }

    static Answer statement(String day, String cursor) {
        long start;
        try {
            start = LocalDate.parse(day.length() == 10 ? day : "").atStartOfDay().toInstant(VIETNAM).toEpochMilli();
        } catch (DateTimeParseException error) {
            return problem(400, "a day is written as 2026-11-22");
        }
        if (now() < start + OFFERED_AFTER_MS) return new Answer(404, map("status", "not_there"));
        List<Object> entries = new ArrayList<>();
        synchronized (LOCK) {
            for (Booking b : BOOKINGS)
                if (b.at >= start && b.at < start + DAY_MS)
                    entries.add(map("type", b.type, "id", b.id, "transaction_id", b.transactionId,
                        "amount", b.amount, "at", rfc3339(b.at)));
        }
        // A cursor says how many entries are read already: it is one of those that we gave as `next`.
        int begin = 0;
        if (cursor != null) {
            begin = cursor.matches("[1-9][0-9]{0,8}") ? Integer.parseInt(cursor) : -1;
            if (begin < 0 || begin >= entries.size() || begin % PAGE_SIZE != 0)
                return problem(400, "this cursor is not known");
        }
        int end = Math.min(begin + PAGE_SIZE, entries.size());
        String next = end < entries.size() ? String.valueOf(end) : null;
        return new Answer(200, map("day", day, "entries", entries.subList(begin, end), "next", next));
    }

    // The payment screen -----------------------------------------------------------------------------------------

    /** Reads the screen's link. Its signed part ends before the last `&client_id=`. It may be opened until it expires. */
    static Link verifiedLink(String target) {
        int at = target.lastIndexOf("&client_id=");
        if (at < 0) return null;
        String signed = target.substring(0, at);
        Map<String, String> proof = form(target.substring(at + 1)), values = form(after(signed, '?'));
        if (!verify(utf8(signed), proof.get("timestamp"), proof.get("client_id"), proof.get("signature"), FOREVER)) return null;
        return new Link(values.get("transaction_id"), Long.parseLong(values.get("amount")),
            Long.parseLong(values.get("expires_at")), values.get("return_url"));
    }

    static Answer page(int status, String vietnamese, String english, String more) {
        return new Answer(status, "<!doctype html><html lang=\"vi\"><meta charset=\"utf-8\">"
            + "<meta name=\"viewport\" content=\"width=device-width\"><title>" + vietnamese + "</title><h1>" + vietnamese
            + "</h1><p lang=\"en\">" + english + "</p>" + more + "</html>");
    }

    static final Answer INVALID = page(400, "Liên kết thanh toán không hợp lệ", "This payment link is not valid.", "");
    static final Answer TRY_AGAIN = page(503, "Chưa thể hiển thị thanh toán, vui lòng thử lại",
        "We cannot show the payment now. Please try again.", "");

    static Answer expired(Link link) {
        return page(410, "Đã hết thời gian thanh toán", "The time to pay is over.",
            "<a href=\"" + escape(link.returnUrl) + "\">Quay lại Tiki VIP · Back to Tiki VIP</a>");
    }

    static Answer screen(String target) throws InterruptedException {
        Link link = verifiedLink(target);
        if (link == null) return INVALID;
        synchronized (LOCK) {
            if (PAYMENTS.containsKey(link.transactionId)) return new Answer(303, "", link.returnUrl);
        }
        if (now() > link.expiresAt) return expired(link);
        Map<?, ?> data;
        try {
            ApiAnswer answer = callApi("GET", "/partner/v1/payments/" + link.transactionId, null);
            if (Long.valueOf(3).equals(answer.json.get("code"))) return INVALID; // our API does not know this payment
            if (!(answer.json.get("data") instanceof Map<?, ?> found)) return TRY_AGAIN;
            data = found;
        } catch (IOException | RuntimeException error) {
            return TRY_AGAIN;
        }
        if (!link.transactionId.equals(data.get("transaction_id"))
            || !Long.valueOf(link.amount).equals(data.get("transaction_amount"))) return INVALID;
        if (!"PENDING".equals(data.get("status"))) return new Answer(303, "", link.returnUrl);
        synchronized (LOCK) {
            OPENED.put(link.transactionId, link.expiresAt);
        }
        // A real core shows the payment only to the signed-in customer whose code is data.get("identify_code").
        String amount = String.format(Locale.ROOT, "%,d", link.amount).replace(',', '.') + " ₫";
        int at = target.indexOf('?');
        return page(200, "Thanh toán " + amount, "Pay Tiki VIP", "<p>" + escape(data.get("order_code")) + " "
            + escape(data.get("description")) + "</p><form method=\"post\" action=\"" + target.substring(0, at) + "\">"
            + "<input type=\"hidden\" name=\"query\" value=\"" + escape(target.substring(at + 1)) + "\">"
            + "<button name=\"action\" value=\"pay\">Thanh toán · Pay</button> "
            + "<button name=\"action\" value=\"cancel\">Hủy giao dịch · Cancel</button></form>");
    }

    static Answer decide(String path, byte[] body) throws Exception {
        Map<String, String> form = form(new String(body, StandardCharsets.UTF_8));
        Link link = verifiedLink(path + "?" + form.get("query"));
        String action = form.getOrDefault("action", "");
        if (link == null || !List.of("pay", "cancel").contains(action)) return INVALID;
        Payment payment = firstDecision(link, action.equals("pay"));
        if (payment == null) return expired(link);
        try {
            payment.sent.get(5, TimeUnit.SECONDS);
        } catch (java.util.concurrent.TimeoutException late) {
            // The customer does not wait longer; the thread continues to send.
        }
        return new Answer(303, "", link.returnUrl);
    }

    /** Records the customer's decision. The first one counts, and a second one changes nothing. */
    static Payment firstDecision(Link link, boolean pays) {
        synchronized (LOCK) {
            Payment known = PAYMENTS.get(link.transactionId);
            long now = now();
            if (known != null || now > link.expiresAt) return known;
            Map<String, Object> result = map("transaction_id", link.transactionId, "status", "FAILURE",
                "reason", "cancelled by the customer");
            if (pays) { // a real core debits the customer's account here
                String number = "B-" + (BOOKINGS.size() + 1);
                result = map("transaction_id", link.transactionId, "status", "SUCCESS", "amount", link.amount,
                    "paid_at", rfc3339(now), "partner_banking_method", "ACCOUNT", "rail_reference", number);
                BOOKINGS.add(new Booking("payment", number, link.transactionId, link.amount, now));
            }
            Payment payment = new Payment(link.amount, pays ? "paid" : "failed", result, new CompletableFuture<>());
            PAYMENTS.put(link.transactionId, payment);
            Thread sender = new Thread(() -> sendResult(link.transactionId, payment));
            sender.setDaemon(true);
            sender.start();
            return payment;
        }
    }

    /** Sends the payment result until it is answered 200, with longer and longer waits. */
    static void sendResult(String id, Payment payment) {
        String body = json(payment.result);
        try {
            for (long wait = 200; ; wait = Math.min(2 * wait, MINUTE_MS)) {
                try {
                    ApiAnswer answer = callApi("POST", "/partner/v1/payments/" + id + "/result", body);
                    // A 200 without a code comes from something in between.
                    if (answer.status == 200 && answer.json.get("code") instanceof Long) {
                        // Any other code is a refusal, which a repeat does not change: people must look at it.
                        if (!Long.valueOf(0).equals(answer.json.get("code")))
                            System.err.println("payment result refused: " + answer.json);
                        payment.sent.complete(null);
                        return;
                    }
                } catch (IOException | RuntimeException noAnswer) {
                    // It may have been recorded or not, and a repeat changes nothing.
                }
                Thread.sleep(wait);
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    // JSON: Java has no reader of its own ------------------------------------------------------------------------

    static Map<String, Object> map(Object... pairs) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) map.put((String) pairs[i], pairs[i + 1]);
        return map;
    }

    static String json(Object value) {
        if (value instanceof Map<?, ?> map)
            return map.entrySet().stream().map(e -> json(e.getKey()) + ":" + json(e.getValue()))
                .collect(Collectors.joining(",", "{", "}"));
        if (value instanceof List<?> list) return list.stream().map(Core::json).collect(Collectors.joining(",", "[", "]"));
        if (!(value instanceof String text)) return String.valueOf(value);
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray())
            quoted.append(c == '"' || c == '\\' || c < ' ' || c > '~' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        return quoted.append('"').toString();
    }

    /** Reads a text that is one JSON object. */
    static Map<?, ?> object(String text) {
        Reader reader = new Reader(text);
        Object value = reader.value(0);
        reader.expect(reader.peek() == 0 && value instanceof Map);
        return (Map<?, ?>) value;
    }

    /** A strict reader of JSON. A whole number is a Long, any other a Double. */
    static final class Reader {
        private static final Pattern PLAIN =
            Pattern.compile("true|false|null|(-?(?:0|[1-9][0-9]*))(\\.[0-9]+)?([eE][-+]?[0-9]+)?");
        private final String text;
        private int at;

        Reader(String text) { this.text = text; }

        void expect(boolean so) {
            if (!so) throw new IllegalArgumentException("no JSON at character " + at);
        }

        /** The next character that is not a blank; 0 at the end. */
        char peek() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
            return at < text.length() ? text.charAt(at) : 0;
        }

        boolean take(char c) {
            boolean there = peek() == c;
            if (there) at++;
            return there;
        }

        Object value(int depth) {
            expect(depth < 32);
            if (take('{')) {
                Map<String, Object> map = new LinkedHashMap<>();
                if (take('}')) return map;
                do {
                    String name = string();
                    expect(take(':'));
                    map.put(name, value(depth + 1));
                } while (take(','));
                expect(take('}'));
                return map;
            }
            if (take('[')) {
                List<Object> list = new ArrayList<>();
                if (take(']')) return list;
                do list.add(value(depth + 1)); while (take(','));
                expect(take(']'));
                return list;
            }
            return peek() == '"' ? string() : plain();
        }

        private Object plain() {
            Matcher found = PLAIN.matcher(text).region(at, text.length());
            expect(found.lookingAt());
            at = found.end();
            String word = found.group();
            if (found.group(1) == null) return word.equals("null") ? null : (Object) word.equals("true");
            boolean whole = found.group(2) == null && found.group(3) == null && word.length() <= 18;
            return whole ? (Object) Long.valueOf(word) : (Object) Double.valueOf(word);
        }

        private String string() {
            expect(take('"'));
            StringBuilder read = new StringBuilder();
            while (true) {
                expect(at < text.length() && text.charAt(at) >= ' ');
                char c = text.charAt(at++);
                if (c == '"') return read.toString();
                if (c == '\\') {
                    expect(at < text.length());
                    char escaped = text.charAt(at++);
                    int plain = "\"\\/bfnrt".indexOf(escaped);
                    if (escaped == 'u') {
                        expect(at + 4 <= text.length() && text.substring(at, at + 4).matches("[0-9a-fA-F]{4}"));
                        c = (char) Integer.parseInt(text.substring(at, at += 4), 16);
                    } else {
                        expect(plain >= 0);
                        c = "\"\\/\b\f\n\r\t".charAt(plain);
                    }
                }
                read.append(c);
            }
        }
    }

    // HTTP -------------------------------------------------------------------------------------------------------

    static Answer problem(int status, String message) { return new Answer(status, map("message", message)); }

    static String after(String text, char mark) { return text.substring(text.indexOf(mark) + 1); }

    static String escape(Object text) {
        return text == null ? "" : text.toString().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            .replace("\"", "&quot;").replace("'", "&#39;");
    }

    static Map<String, String> form(String text) {
        Map<String, String> values = new HashMap<>();
        for (String pair : text.split("&")) {
            String[] parts = pair.split("=", 2);
            if (parts.length == 2) values.putIfAbsent(parts[0], URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
        }
        return values;
    }

    static Answer route(HttpExchange exchange, byte[] body) throws Exception {
        String method = exchange.getRequestMethod(), target = exchange.getRequestURI().toString();
        String path = target.split("\\?", 2)[0];
        if (path.equals("/pay")) return method.equals("GET") ? screen(target) : decide(path, body);
        var headers = exchange.getRequestHeaders();
        if (!verify(method.equals("POST") ? body : utf8(target), headers.getFirst("X-Partner-Timestamp"),
            headers.getFirst("X-Partner-Client-Id"), headers.getFirst("X-Partner-Signature"), 5 * MINUTE_MS))
            return problem(401, "the signature is missing, wrong or too old");
        String[] parts = path.split("/"); // "/refunds/9d2f…" is "", "refunds", "9d2f…"
        String call = method + " " + (parts.length > 1 ? parts[1] : "") + " " + parts.length;
        return switch (call) {
            case "POST refunds 2" -> refund(headers.getFirst("Idempotency-Key"), body);
            case "GET refunds 3" -> findRefund(parts[2]);
            case "GET payments 3" -> findPayment(parts[2]);
            case "GET statements 3" -> statement(parts[2], form(after(target, '?')).get("cursor"));
            default -> problem(404, "there is no such route");
        };
    }

    static void serve(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY + 1);
            Answer answer;
            try {
                answer = body.length > MAX_BODY ? problem(413, "a body has at most 64 KiB") : route(exchange, body);
            } catch (Exception error) {
                error.printStackTrace();
                answer = problem(500, "internal error");
            }
            boolean isPage = answer.content instanceof String;
            byte[] content = utf8(isPage ? (String) answer.content : json(answer.content));
            var headers = exchange.getResponseHeaders();
            headers.set("Content-Type", isPage ? "text/html; charset=utf-8" : "application/json");
            headers.set("Cache-Control", "no-store");
            headers.set("Referrer-Policy", "no-referrer");
            headers.set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
            if (answer.location != null) headers.set("Location", answer.location);
            exchange.sendResponseHeaders(answer.status, content.length == 0 ? -1 : content.length);
            exchange.getResponseBody().write(content);
        }
    }

    public static void main(String[] arguments) throws IOException {
        System.setProperty("sun.net.httpserver.nodelay", "true"); // otherwise an answer may wait 40 ms
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(environment("PORT", "0"))), 0);
        server.createContext("/", Core::serve);
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
        System.out.println("listening on http://127.0.0.1:" + server.getAddress().getPort());
    }
}
