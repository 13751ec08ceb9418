import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * A signature endpoint like a servlet, with the faults of the one in Zoom devforum 70827.
 *
 * <p>GET with the query parameters meetingNumber and role. Its faults, on purpose:
 * Math.round on a long takes the overload for float, so that every iat is a multiple of 128 s; the work of a request is
 * kept in instance fields, which is harmless for one object per request and mixes requests where all of them share one
 * object ({@code --shared-fields}, what a servlet is); a missing parameter is not refused; an exception ends in an empty
 * 200; the reply has no Content-Type and its JSON is put together by hand. {@code --mended} takes the rounding away.
 *
 * <p>For tests: the header X-Test-Now-Ms sets the time that the claims of one request are made of (the Date header is the
 * JDK's own); X-Test-Hold, with "parameters" or "token", stops a request behind that step ("holding" on standard output)
 * until the next request has been answered, so that what threads do now and then can be had at will.
 */
public final class SignatureServlet implements HttpHandler {
    private static final String HEADER = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

    /** What the command line and the environment say. */
    private record Options(
        int port, int marginS, boolean sharedFields, boolean mended, long clockOffsetMs, String key, String secret) {
        static Options of(String[] arguments) {
            int port = 0;
            int marginS = 30;
            boolean sharedFields = false;
            boolean mended = false;
            long clockOffsetMs = 0;
            for (int i = 0; i < arguments.length; i++) {
                switch (arguments[i]) {
                    case "--margin" -> marginS = Integer.parseInt(arguments[++i]);
                    case "--shared-fields" -> sharedFields = true;
                    case "--mended" -> mended = true;
                    case "--clock-offset-ms" -> clockOffsetMs = Long.parseLong(arguments[++i]);
                    default -> port = Integer.parseInt(arguments[i]);
                }
            }
            Map<String, String> environment = System.getenv();
            return new Options(port, marginS, sharedFields, mended, clockOffsetMs,
                environment.get("ZOOM_MEETING_SDK_KEY"), environment.get("ZOOM_MEETING_SDK_SECRET"));
        }
    }

    private static final AtomicInteger HELD = new AtomicInteger();
    private static final Semaphore ANSWERED = new Semaphore(0);

    private final Options options;
    private String meetingNumber = "";
    private String role = "";
    private String encodedHeader = "";
    private String encodedPayload = "";
    private String signature = "";
    private int iat = 0;
    private int exp = 0;

    private SignatureServlet(Options options) {
        this.options = options;
    }

    public static void main(String[] arguments) throws IOException {
        Options options = Options.of(arguments);
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), options.port()), 0);
        server.createContext("/", options.sharedFields()
            ? new SignatureServlet(options)
            : exchange -> new SignatureServlet(options).handle(exchange));
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
        System.out.println("listening on " + server.getAddress().getPort());
        System.out.flush();
    }

    @Override
    public void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            if (!exchange.getRequestMethod().equals("GET")) {
                exchange.sendResponseHeaders(405, -1);
                return;
            }
            byte[] body = reply(exchange).getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
        }
        ANSWERED.release(HELD.getAndSet(0));
    }

    private String reply(HttpExchange exchange) {
        try {
            Map<String, String> query = parse(exchange.getRequestURI().getRawQuery());
            meetingNumber = query.get("meetingNumber");
            role = query.get("role");
            hold(exchange, "parameters");
            encodedHeader = encode(HEADER.getBytes(StandardCharsets.UTF_8));
            if (meetingNumber != null && role != null) {
                encodedPayload = encode(payload(now(exchange)).getBytes(StandardCharsets.UTF_8));
            }
            signature = hmac(encodedHeader + "." + encodedPayload);
            hold(exchange, "token");
            if (!encodedPayload.isEmpty()) {
                signature = encodedHeader + "." + encodedPayload + "." + signature;
            }
            return "{\"signature\": \"" + signature + "\",\"sdkKey\": \"" + options.key() + "\"}";
        } catch (RuntimeException | GeneralSecurityException e) {
            System.err.println("no signature: " + e);
            return "";
        }
    }

    private static void hold(HttpExchange exchange, String step) {
        if (step.equals(exchange.getRequestHeaders().getFirst("X-Test-Hold"))) {
            HELD.incrementAndGet();
            System.out.println("holding");
            ANSWERED.acquireUninterruptibly();
        }
    }

    private long now(HttpExchange exchange) {
        String driven = exchange.getRequestHeaders().getFirst("X-Test-Now-Ms");
        return driven == null ? System.currentTimeMillis() + options.clockOffsetMs() : Long.parseLong(driven);
    }

    private String payload(long nowMs) {
        long seconds = (nowMs - options.marginS() * 1000L) / 1000;
        iat = options.mended() ? (int) seconds : Math.round(seconds);
        exp = iat + 60 * 60 * 2;
        return "{\"appKey\":\"" + options.key() + "\",\"sdkKey\":\"" + options.key() + "\",\"mn\":\"" + meetingNumber
            + "\",\"role\":" + Integer.parseInt(role) + ",\"iat\":" + iat + ",\"exp\":" + exp
            + ",\"tokenExp\":" + exp + "}";
    }

    private String hmac(String data) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(options.secret().getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        return encode(mac.doFinal(data.getBytes(StandardCharsets.UTF_8)));
    }

    private static Map<String, String> parse(String rawQuery) {
        Map<String, String> values = new HashMap<>();
        for (String pair : rawQuery == null ? new String[0] : rawQuery.split("&")) {
            String[] parts = pair.split("=", 2);
            values.put(decode(parts[0]), parts.length == 2 ? decode(parts[1]) : "");
        }
        return values;
    }

    private static String decode(String text) {
        return URLDecoder.decode(text, StandardCharsets.UTF_8);
    }

    private static String encode(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }
}
