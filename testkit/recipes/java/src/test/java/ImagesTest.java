import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;

/** Sends requests to imagegate in a container. */
class ImagesTest {
    private static final int PORT = 10000;

    private final HttpClient client = HttpClient.newHttpClient();

    @Test
    void images() throws IOException, InterruptedException {
        try (var container = new GenericContainer<>("imagegate-testkit:latest")
                .withExposedPorts(PORT)
                .waitingFor(Wait.forHttp("/testkit/ready").forPort(PORT))) {
            container.start();
            var url = "http://" + container.getHost() + ":" + container.getMappedPort(PORT);
            assertEquals(200, generate(url, "delay=1ms"));
            assertEquals(429, generate(url, "rate_limit"));
            var request = HttpRequest.newBuilder(URI.create(url + "/testkit/ledger?status=429")).build();
            var ledger = client.send(request, BodyHandlers.ofString()).body();
            assertTrue(ledger.contains("rate_limit_exceeded"), ledger);
        }
    }

    private int generate(String url, String fault) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(url + "/v1/images/generations"))
                .header("authorization", "Bearer sk-imagegate-test")
                .header("content-type", "application/json")
                .header("x-codex-sim-fault", fault)
                .POST(BodyPublishers.ofString("{\"model\":\"gpt-image-2\",\"prompt\":\"a red fox\"}"))
                .build();
        return client.send(request, BodyHandlers.ofString()).statusCode();
    }
}
