import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;

/** Writes the certificates of a PEM file to a file that Java trusts: {@code java TrustStore.java PEM FILE}. */
class TrustStore {
    public static void main(String[] arguments) throws IOException, GeneralSecurityException {
        // The password that Java has for this file. It hides nothing: certificates are public. Java reads
        // the file without it, which only this type allows.
        var password = "changeit".toCharArray();
        var store = KeyStore.getInstance("JKS");
        store.load(null, password);
        try (var pem = Files.newInputStream(Path.of(arguments[0]))) {
            var number = 0;
            for (var it : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
                store.setCertificateEntry("certificate-" + number++, it);
            }
        }
        try (var file = Files.newOutputStream(Path.of(arguments[1]))) {
            store.store(file, password);
        }
    }
}
