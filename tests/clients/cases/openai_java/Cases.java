import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.MultipartField;
import com.openai.errors.BadRequestException;
import com.openai.errors.InternalServerException;
import com.openai.errors.NotFoundException;
import com.openai.errors.OpenAIInvalidDataException;
import com.openai.errors.OpenAIIoException;
import com.openai.errors.OpenAIServiceException;
import com.openai.errors.PermissionDeniedException;
import com.openai.errors.RateLimitException;
import com.openai.errors.SseException;
import com.openai.errors.UnauthorizedException;
import com.openai.models.images.ImageEditParams;
import com.openai.models.images.ImageGenerateParams;
import com.openai.models.images.ImagesResponse;
import com.openai.models.models.Model;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

final class Cases {
    static final String MODEL = System.getenv("IMAGEGATE_MODEL");
    /** As a service sets it up, its address and key apart: retries are the client's default, two. */
    static final OpenAIClient CLIENT = OpenAIOkHttpClient.fromEnv();
    /** Where retries would only make a case longer. */
    static final OpenAIClient ONCE = OpenAIOkHttpClient.builder().fromEnv().maxRetries(0).build();
    static final Map<String, Main.Case> ALL = new LinkedHashMap<>();

    static {
        ALL.put("one_image", Cases::oneImage);
        ALL.put("three_images", () -> Main.checkImages(b64s(generate(ONCE, wish().n(3))), 3));
        ALL.put("image_as_url", Cases::imageAsUrl);
        ALL.put("edit", Cases::edit);
        ALL.put("edit_with_mask", Cases::editWithMask);
        ALL.put("stream", Cases::stream);
        ALL.put("stream_of_edit", Cases::streamOfEdit);
        ALL.put("stream_refused_is_400", Cases::streamRefused);
        ALL.put("broken_stream_raises", Cases::brokenStream);
        ALL.put("unknown_key_is_401", () -> {
            var error = fails(UnauthorizedException.class, 401, "invalid_api_key", withKey("sk-of-no-consumer", 0), wish());
            Main.check(error.type().get().equals("invalid_request_error"), "the error has its type");
        });
        ALL.put("forbidden_model_is_403", () -> {
            var wanted = wish().model("gpt-image-1.5");
            var error = fails(PermissionDeniedException.class, 403, "model_not_allowed", withKeyOf("NARROW", 0), wanted);
            Main.check(error.param().get().equals("model"), "the error names the field");
        });
        ALL.put("unknown_model_is_404", () -> fails(NotFoundException.class, 404, "model_not_found", ONCE, wish().model("dall-e-9")));
        ALL.put("models_are_listed", Cases::modelsAreListed);
        ALL.put("unlisted_model_is_404", Cases::unlistedModel);
        ALL.put("unknown_parameter_is_400", () -> {
            var wanted = wish().putAdditionalBodyProperty("colour", JsonValue.from("red"));
            var error = fails(BadRequestException.class, 400, "unknown_parameter", ONCE, wanted);
            Main.check(error.param().get().equals("colour"), "the error names the field");
        });
        ALL.put("refusal_is_400", () -> {
            var error = fails(BadRequestException.class, 400, "moderation_blocked", ONCE, wish("fail 400 [[sim:moderation]]"));
            Main.check(error.type().get().equals("image_generation_user_error"), "a refusal has its type");
            Main.check(error.body().toString().contains("violence"), error.body() + " has the details of a refusal");
        });
        ALL.put("spent_rate_is_429", Cases::spentRate);
        ALL.put("spent_budget_is_429", () -> {
            var error = fails(RateLimitException.class, 429, "insufficient_quota", withKeyOf("SPENT", 2), wish());
            Main.check(error.type().get().equals("insufficient_quota"), "a spent budget has its type");
        });
        ALL.put("broken_upstream_is_502", () ->
            fails(InternalServerException.class, 502, "upstream_disconnected", ONCE, wish("fail 502 [[sim:cut_mid_image]]")));
        ALL.put("overload_is_503", () -> {
            var error = fails(InternalServerException.class, 503, "server_is_overloaded", ONCE, wish("fail 503 [[sim:overloaded]]"));
            Main.check(Integer.parseInt(header(error, "retry-after")) >= 1, "an overload says when to come back");
        });
        ALL.put("retry_waits_as_requested", () ->
            Main.checkImages(b64s(generate(CLIENT, wish("fail 429 once [[sim:rate_limit@1]]"))), 1));
        ALL.put("no_retry_as_requested", () -> {
            var spent = wish("fail 429 for good [[sim:insufficient_quota]]");
            var error = fails(RateLimitException.class, 429, "insufficient_quota", CLIENT, spent);
            Main.check(header(error, "x-should-retry").equals("false"), "the answer says so");
        });
        ALL.put("late_image", () -> {
            waitAsRequested();
            Main.checkImages(b64s(generate(CLIENT, wish("late"))), 1);
        });
        ALL.put("late_error_is_returned", Cases::lateError);
        ALL.put("late_cut_raises", Cases::lateCut);
    }

    static OpenAIClient withKey(String key, int retries) {
        return OpenAIOkHttpClient.builder().fromEnv().apiKey(key).maxRetries(retries).build();
    }

    /** A key that the test hands over. */
    static OpenAIClient withKeyOf(String name, int retries) {
        return withKey(System.getenv("IMAGEGATE_" + name + "_KEY"), retries);
    }

    static ImageGenerateParams.Builder wish(String prompt) {
        return ImageGenerateParams.builder().model(MODEL).prompt(prompt);
    }

    static ImageGenerateParams.Builder wish() {
        return wish("A lighthouse [[sim:vary]]");
    }

    static ImagesResponse generate(OpenAIClient by, ImageGenerateParams.Builder wanted) {
        return by.images().generate(wanted.build());
    }

    static List<String> b64s(ImagesResponse result) {
        return result.data().get().stream().map(it -> it.b64Json().get()).collect(Collectors.toList());
    }

    /** Wants the client's own exception, with our status and code, and a request id. */
    static <E extends OpenAIServiceException> E fails(
            Class<E> kind, int status, String code, OpenAIClient by, ImageGenerateParams.Builder wanted) {
        return reported(Main.raised(kind, () -> generate(by, wanted)), status, code);
    }

    static <E extends OpenAIServiceException> E reported(E error, int status, String code) {
        String found = error.code().orElse(null);
        Main.check(error.statusCode() == status && code.equals(found), error.statusCode() + " " + found + " is " + status + " " + code);
        Main.check(!header(error, "x-request-id").isEmpty(), "the error has a request id");
        return error;
    }

    static String header(OpenAIServiceException error, String name) {
        return String.join(",", error.headers().values(name));
    }

    static void oneImage() {
        var wanted = wish()
            .size(ImageGenerateParams.Size._1024X1024)
            .quality(ImageGenerateParams.Quality.LOW)
            .outputFormat(ImageGenerateParams.OutputFormat.PNG)
            .background(ImageGenerateParams.Background.AUTO)
            .moderation(ImageGenerateParams.Moderation.AUTO);
        var result = generate(ONCE, wanted);
        Main.checkImages(b64s(result), 1);
        Main.check(result.created() > 1_600_000_000, "created is a time in seconds");
        Main.check(result.size().get().asString().equals("1024x1024"), "the answer names the generated image");
        var usage = result.usage().get();
        Main.check(usage.totalTokens() == usage.inputTokens() + usage.outputTokens() && usage.totalTokens() > 0, "the usage adds up");
    }

    static void imageAsUrl() {
        // Its own method for this field is deprecated.
        var wanted = wish().putAdditionalBodyProperty("response_format", JsonValue.from("url"));
        var image = generate(ONCE, wanted).data().get().get(0);
        String[] url = image.url().get().split(",");
        Main.check(url[0].equals("data:image/png;base64") && image.b64Json().isEmpty(), url[0] + " is the image itself");
        Main.checkImages(List.of(url[1]), 1);
    }

    static ImageEditParams.Builder editOf(List<InputStream> images, String prompt) {
        // Named and typed, as a file on disk is; the mask goes as plain bytes.
        var image = images.size() == 1 ? ImageEditParams.Image.ofInputStream(images.get(0)) : ImageEditParams.Image.ofInputStreams(images);
        var file = MultipartField.<ImageEditParams.Image>builder().value(image).filename("image.png").contentType("image/png").build();
        return ImageEditParams.builder().model(MODEL).prompt(prompt).image(file);
    }

    static InputStream file(int edge) throws IOException {
        return new ByteArrayInputStream(Main.square(edge));
    }

    static void edit() throws IOException {
        var wanted = editOf(List.of(file(64)), "edit of 1 [[sim:vary]]").n(2).size(ImageEditParams.Size._1024X1024);
        Main.checkImages(b64s(ONCE.images().edit(wanted.build())), 2);
    }

    static void editWithMask() throws IOException {
        var wanted = editOf(List.of(file(64), file(32)), "edit of 2 masked [[sim:vary]]").mask(Main.square(64));
        Main.checkImages(b64s(ONCE.images().edit(wanted.build())), 1);
    }

    static void stream() {
        var images = new ArrayList<String>();
        try (var events = ONCE.images().generateStreaming(wish("stream [[sim:vary]]").partialImages(2).build())) {
            events.stream().forEach(event -> {
                if (event.isGenerationPartialImage()) {
                    Main.check(event.asGenerationPartialImage().partialImageIndex() == images.size(), "the previews are counted");
                    images.add(event.asGenerationPartialImage().b64Json());
                } else {
                    var last = event.asGenerationCompleted();
                    Main.check(last.usage().totalTokens() > 0 && last.size().asString().equals("1024x1024"), "the event has its fields");
                    Main.check(images.size() == 2, "the image comes after two previews");
                    images.add(last.b64Json());
                }
            });
        }
        Main.checkImages(images, 3);
    }

    static void streamOfEdit() throws IOException {
        var images = new ArrayList<String>();
        try (var events = ONCE.images().editStreaming(editOf(List.of(file(64)), "edit of 1 [[sim:vary]]").build())) {
            events.stream().forEach(event -> images.add(event.asCompleted().b64Json()));
        }
        Main.checkImages(images, 1);
    }

    static void streamRefused() {
        var wanted = wish("fail 400 [[sim:moderation]]").build();
        var error = Main.raised(BadRequestException.class, () -> ONCE.images().generateStreaming(wanted));
        reported(error, 400, "moderation_blocked");
    }

    static void brokenStream() {
        var wanted = wish("break [[sim:end_mid_image]]").partialImages(1).build();
        try (var events = ONCE.images().generateStreaming(wanted)) {
            var each = events.stream().iterator();
            Main.check(each.next().isGenerationPartialImage(), "the preview came");
            var error = Main.raised(SseException.class, () -> each.next());
            Main.check(error.code().get().equals("upstream_disconnected"), error.code() + " is reported");
        }
    }

    static void modelsAreListed() {
        Main.check(listed(ONCE).equals("gpt-image-1,gpt-image-2,gpt-image-1.5"), listed(ONCE) + " is what the key may ask for");
        var model = ONCE.models().retrieve(MODEL);
        Main.check(model.id().equals(MODEL) && !model.ownedBy().isEmpty(), "a model has its fields");
        String narrow = listed(withKeyOf("NARROW", 0));
        Main.check(narrow.equals("gpt-image-2"), narrow + " is what the narrow key may ask for");
    }

    static String listed(OpenAIClient by) {
        return by.models().list().autoPager().stream().map(Model::id).collect(Collectors.joining(","));
    }

    static void unlistedModel() {
        var unknown = Main.raised(NotFoundException.class, () -> ONCE.models().retrieve("dall-e-9"));
        var narrow = withKeyOf("NARROW", 0);
        var forbidden = Main.raised(NotFoundException.class, () -> narrow.models().retrieve("gpt-image-1.5"));
        for (var error : List.of(unknown, forbidden)) {
            Main.check(reported(error, 404, "model_not_found").param().get().equals("model"), "the error names the field");
        }
    }

    /** The wait is an hour, so the client does not come back although it has tries left. */
    static void spentRate() {
        var limited = withKeyOf("LIMITED", 2);
        Main.checkImages(b64s(generate(limited, wish())), 1);
        var error = fails(RateLimitException.class, 429, "rate_limit_exceeded", limited, wish());
        Main.check(Integer.parseInt(header(error, "retry-after")) > 60, "the answer says when to come back");
        Main.check(header(error, "x-ratelimit-remaining-requests").equals("0"), "the headers have the limit status");
    }

    /**
     * Waits until the upstream is asked again. After the 429 of the case before it is not for a minute. The other clients
     * wait for that by themselves; this one comes back after 8 s at most, whatever {@code retry-after} says.
     */
    static void waitAsRequested() throws InterruptedException {
        for (int tries = 0; tries < 3; tries++) {
            try {
                generate(ONCE, wish());
                return;
            } catch (RateLimitException error) {
                Thread.sleep(1000L * Integer.parseInt(header(error, "retry-after")));
            }
        }
    }

    /** Nothing is thrown: the status was 200. */
    static void lateError() {
        var result = generate(CLIENT, wish("fail late"));
        Main.check(result.data().isEmpty(), "there is no image");
        Main.raised(OpenAIInvalidDataException.class, result::created);
        String error = result._allProperties().get("error").toString();
        Main.check(error.contains("server_is_overloaded"), error + " is in its place");
    }

    static void lateCut() {
        Main.raised(OpenAIInvalidDataException.class, () -> generate(CLIENT, wish("cut late")));
    }
}
