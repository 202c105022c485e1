// The cases of OpenAI's client for Java. `tests/e2e/clients.rs` runs them and says what a prompt leads to. This file is
// what cases.py is for Python: how a case's outcome is reported, and the images to send and to look at.

import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import javax.imageio.ImageIO;

final class Main {
    /** A case of the table in tests/clients/README.md. */
    interface Case {
        void act() throws Exception;
    }

    /** Runs the requested cases (if none is named, all) in their order, and reports how each ended. */
    public static void main(String[] arguments) throws IOException {
        List<String> wanted = Arrays.asList(System.getenv("IMAGEGATE_CASES").split(" "));
        for (var it : Cases.ALL.entrySet()) {
            if (!wanted.contains("") && !wanted.contains(it.getKey())) continue;
            var line = new LinkedHashMap<String, String>();
            line.put("case", it.getKey());
            line.put("fault", fault(it.getValue()));
            System.out.println(new ObjectMapper().writeValueAsString(line));
        }
        // The client's own threads would keep the process for a minute.
        System.exit(0);
    }

    /** How a case ends: null if it holds. */
    static String fault(Case act) {
        try {
            act.act();
            return null;
        } catch (Exception fault) {
            var trace = new StringWriter();
            fault.printStackTrace(new PrintWriter(trace));
            return trace.toString();
        }
    }

    static void check(boolean holds, String what) {
        if (!holds) throw new IllegalStateException("this does not hold: " + what);
    }

    /** The exception of exactly this kind that a request ends in. */
    static <E extends Exception> E raised(Class<E> kind, Case request) {
        try {
            request.act();
        } catch (Exception error) {
            check(error.getClass() == kind, error + " is a " + kind.getSimpleName());
            return kind.cast(error);
        }
        throw new IllegalStateException("a " + kind.getSimpleName() + " was expected, but nothing was thrown");
    }

    /** This many images, all different. */
    static void checkImages(List<String> images, int count) {
        for (String it : images) {
            byte[] bytes = Base64.getDecoder().decode(it);
            check(Arrays.equals(Arrays.copyOf(bytes, 4), new byte[] {(byte) 0x89, 'P', 'N', 'G'}), "the images are PNGs");
        }
        int different = new HashSet<>(images).size();
        check(images.size() == count && different == count, images.size() + " images, " + different + " of them different, are " + count);
    }

    /** A transparent square as a PNG. */
    static byte[] square(int edge) throws IOException {
        var file = new ByteArrayOutputStream();
        check(ImageIO.write(new BufferedImage(edge, edge, BufferedImage.TYPE_INT_ARGB), "png", file), "a PNG is written");
        return file.toByteArray();
    }
}
